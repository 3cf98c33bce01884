"""Which vouchers head office lets go together: what a campaign says of its own, and what the chain says of all."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.values import Currency, Key

Cents = Annotated[int, Field(ge=0, le=10**9)]
Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=5, decimal_places=4)]
Place = Annotated[int, Field(ge=0, le=1_000)]
Count = Annotated[int, Field(ge=1, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BelowMinimum(StrEnum):
    """What becomes of a discount when returns leave less on the receipt than its campaign's minimum basket."""

    KEEP = "keep"
    """The customer keeps it on what is left."""
    RECLAIM = "reclaim"
    """The refund is less by the rest of it."""
    REISSUE = "reissue"
    """So it is, and once all of it is back the voucher is good again."""


class Stacking(_Part):
    """How a campaign's vouchers go together with others."""

    group: Key = "any"
    exclusive: bool = False
    """Goes with no other voucher on the same receipt."""
    order: Place = 0
    """Its place within its group: the lowest comes off first."""


class Group(_Part):
    """What the chain says of a group of campaigns."""

    at_most: Count | None = None
    """Vouchers of it on one receipt."""
    excludes: tuple[Key, ...] = ()
    """Groups that none of its vouchers goes with; they need not say so too."""
    order: Place = 0
    """Its place among the groups: the lowest comes off first."""


class Floor(_Part):
    """What goods cost at least, whatever is presented: the higher of a share of their price and so many cents for a unit."""

    ratio: Share = Decimal(0)
    cents: Mapping[Currency, Cents] = Field(default_factory=dict)

    def of(self, amount_cents: int, quantity: Decimal, currency: str) -> int:
        """The least that a line may cost, in cents, rounded up.

        >>> Floor(ratio=Decimal("0.5"), cents={"EUR": 30}).of(101, Decimal(2), "EUR")
        60
        """
        return max(ceil(self.ratio * amount_cents), ceil(self.cents.get(currency, 0) * quantity))


_NO_GROUP = Group()


class StackingRules(_Part):
    """What the chain says. As it stands when nobody said anything, all vouchers go together, until the goods cost nothing."""

    best_for: Literal["customer", "margin"] = "customer"
    """What decides between vouchers that do not go together (domain/redemption/stacking.py)."""
    groups: Mapping[Key, Group] = Field(default_factory=dict)
    at_most: Count | None = None
    """Vouchers on one receipt."""
    floor: Floor = Floor()
    floors_by_category: Mapping[Key, Floor] = Field(default_factory=dict)
    floors_by_item: Mapping[Key, Floor] = Field(default_factory=dict)
    """The floor of the item counts, else its category's, else the one of all goods."""
    greatest_total_cents: Mapping[Currency, Cents] = Field(default_factory=dict)
    greatest_total_ratio: Share = Decimal(1)
    """How much of a receipt all vouchers together may take off; the lower of both counts."""

    def group(self, name: str) -> Group:
        """What is said of a group; nothing of one that is not named."""
        return self.groups.get(name, _NO_GROUP)

    def bar(self, one: Stacking, other: Stacking) -> bool:
        """Whether these two never go on one receipt, however many may."""
        if one.exclusive or other.exclusive:
            return True
        return other.group in self.group(one.group).excludes or one.group in self.group(other.group).excludes

    def full(self, there: Iterable[Stacking], one: Stacking) -> bool:
        """Whether the group of `one` has as many vouchers there as it may."""
        at_most = self.group(one.group).at_most
        return at_most is not None and sum(each.group == one.group for each in there) >= at_most

    def floor_cents(
        self, item_id: str, category: str | None, amount_cents: int, quantity: Decimal, currency: str
    ) -> int:
        """The least that a line may cost."""
        floor = self.floors_by_item.get(item_id) or self.floors_by_category.get(category or "", self.floor)
        return floor.of(amount_cents, quantity, currency)

    def greatest_total(self, basket_cents: int, currency: str) -> int:
        """What all vouchers together may take off goods of `basket_cents`."""
        by_ratio = int(self.greatest_total_ratio * basket_cents)
        return min(by_ratio, self.greatest_total_cents.get(currency, by_ratio))
