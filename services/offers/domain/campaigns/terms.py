"""What vouchers promise: one kind each of a closed sum, the most that it may cost, and how long it is good.

Campaigns state it, vouchers keep it, `domain/vouchers/discount.py` says what it takes off a receipt.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from libs.common.contracts.values import Key

Cents = Annotated[int, Field(ge=1, le=10**9)]
Price = Annotated[int, Field(ge=0, le=10**9)]
Percent = Annotated[int, Field(ge=1, le=100)]
Pieces = Annotated[int, Field(ge=1, le=20)]
Kind = Literal["amount", "percent", "fixed_price", "free_item", "buy_get", "bundle"]

WHOLE_PERCENT = 100


class _Promise(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AmountOff(_Promise):
    """So much off the goods."""

    kind: Literal["amount"] = "amount"
    amount_cents: Cents


class PercentOff(_Promise):
    """A share off the goods."""

    kind: Literal["percent"] = "percent"
    percent: Percent


class FixedPrice(_Promise):
    """The dearest `pieces` of the goods for `price_cents` each; what is weighed, for that by its unit."""

    kind: Literal["fixed_price"] = "fixed_price"
    price_cents: Price
    pieces: Pieces = 1


class FreeItem(_Promise):
    """The dearest `pieces` of the goods for nothing."""

    kind: Literal["free_item"] = "free_item"
    pieces: Pieces = 1


class BuyGet(_Promise):
    """Of every `buy` + `get` pieces, dearest first, the `get` cheapest at `percent` off; `sets` times at most."""

    kind: Literal["buy_get"] = "buy_get"
    buy: Pieces
    get: Pieces = 1
    percent: Percent = WHOLE_PERCENT
    sets: Pieces = 1


class BundlePart(BaseModel):
    """So many pieces of one category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Key
    pieces: Pieces = 1


class Bundle(_Promise):
    """All parts together for `price_cents`; `sets` times at most, of the dearest pieces."""

    kind: Literal["bundle"] = "bundle"
    parts: Annotated[tuple[BundlePart, ...], Field(min_length=2, max_length=3)]
    price_cents: Price
    sets: Pieces = 1

    @model_validator(mode="after")
    def _has_each_category_once(self) -> Self:
        if len(self.categories) != len(self.parts):
            raise ValueError("a bundle names each category once")
        return self

    @property
    def categories(self) -> frozenset[str]:
        """Those of its parts."""
        return frozenset(part.category for part in self.parts)


Promise: TypeAlias = AmountOff | PercentOff | FixedPrice | FreeItem | BuyGet | Bundle
_stored: TypeAdapter[Promise] = TypeAdapter(Annotated[Promise, Field(discriminator="kind")])


class Promising(_Promise):
    """What a campaign states of its promise."""

    kind: Kind
    """What it promises; the field of that name (of an amount, `amount_cents`) says how much, and no other is there."""
    percent: Percent | None = None
    amount_cents: Cents | None = None
    fixed_price: FixedPrice | None = None
    free_item: FreeItem | None = None
    buy_get: BuyGet | None = None
    bundle: Bundle | None = None

    @model_validator(mode="after")
    def _promises_one_thing(self) -> Self:
        stated: dict[Kind, object] = {
            "amount": self.amount_cents,
            "percent": self.percent,
            "fixed_price": self.fixed_price,
            "free_item": self.free_item,
            "buy_get": self.buy_get,
            "bundle": self.bundle,
        }
        if [kind for kind, value in stated.items() if value is not None] != [self.kind]:
            raise ValueError(
                f"a campaign of kind {self.kind} states what it promises in the field for it, and in no other"
            )
        return self

    def promised(self, *, percent: int | None = None, amount_cents: int | None = None) -> Promise:
        """The promise, with what a store changes of it."""
        if self.amount_cents is not None:
            return AmountOff(amount_cents=amount_cents or self.amount_cents)
        if self.percent is not None:
            return PercentOff(percent=percent or self.percent)
        promise = self.fixed_price or self.free_item or self.buy_get or self.bundle
        if promise is None:
            raise ValueError("a campaign promises something")
        return promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a campaign promises in one store. A voucher never gives more than `greatest_value_cents`: so much is reserved."""

    promise: Promise
    greatest_value_cents: int
    validity_days: int = 0

    @property
    def kind(self) -> Kind:
        """Which of the kinds it is."""
        return self.promise.kind

    @property
    def percent(self) -> int | None:
        """The share that a percent promise takes off."""
        return self.promise.percent if isinstance(self.promise, PercentOff) else None

    @property
    def amount_cents(self) -> int | None:
        """What an amount promise takes off."""
        return self.promise.amount_cents if isinstance(self.promise, AmountOff) else None

    def discount_cents(self, price_cents: int) -> int:
        """What it costs when its customer buys such goods, at this price a piece, as often as it takes: for weighing offers.

        >>> Terms(promise=PercentOff(percent=10), greatest_value_cents=200).discount_cents(999)
        99
        >>> Terms(promise=BuyGet(buy=2, get=1), greatest_value_cents=200).discount_cents(150)
        150
        """
        return max(0, min(_expected_cents(self.promise, price_cents), self.greatest_value_cents))


def _expected_cents(promise: Promise, price_cents: int) -> int:
    match promise:
        case AmountOff():
            return min(promise.amount_cents, price_cents)
        case PercentOff():
            return price_cents * promise.percent // WHOLE_PERCENT
        case FixedPrice():
            return price_cents - promise.price_cents
        case FreeItem():
            return price_cents
        case BuyGet():
            return price_cents * promise.get * promise.percent // WHOLE_PERCENT
        case Bundle():  # what the other parts cost is not known here
            return price_cents * sum(part.pieces for part in promise.parts) - promise.price_cents


def to_stored(promise: Promise) -> str | None:
    """The promise as JSON; None for the two kinds that have columns of their own, which processes of a release before read."""
    return None if isinstance(promise, AmountOff | PercentOff) else promise.model_dump_json()


def from_stored(stored: str) -> Promise:
    """The promise that `to_stored` wrote."""
    return _stored.validate_json(stored)
