"""Values that several events carry: identifiers, money lines, quantities, GTINs. Pure data, checked where it enters."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from libs.common.contracts.personal import Personal, Sealable


class Contract(BaseModel):
    """A message body: frozen, and tolerant of fields that a newer minor version added (they are kept)."""

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="constants", allow_inf_nan=False)


class Part(BaseModel):
    """A piece of a message body; the same tolerance."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


def _gtin14(digits: str) -> str:
    """Right-justify to 14 digits and check the GS1 check digit."""
    padded = digits.zfill(14)
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(padded[:13]))
    if (10 - weighted % 10) % 10 != int(padded[13]):
        raise ValueError("wrong GTIN check digit")
    return padded


Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An identifier of the chain's own: item, store, receipt, terminal, supplier."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Cents = Annotated[int, Field(ge=-(10**12), le=10**12)]
"""Integer minor units of the currency that stands beside it."""

PositiveCents = Annotated[int, Field(ge=0, le=10**12)]
Seconds = Annotated[int, Field(ge=0, le=10**9)]
Ratio = Annotated[Decimal, Field(ge=0, le=1)]
Quantity = Annotated[Decimal, Field(gt=0, le=Decimal(10**9), decimal_places=6)]
"""How much of a line's unit; travels as a JSON string so that no float touches it."""

SignedQuantity = Annotated[Decimal, Field(ge=-Decimal(10**9), le=Decimal(10**9), decimal_places=6)]
Gtin = Annotated[str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_gtin14)]
"""Any of GTIN-8, -12, -13, -14; normalised to fourteen digits."""

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Text = Annotated[str, Sealable(max_length=2000)]
Line = Annotated[str, Sealable(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
Comment = Annotated[Text, Personal.FREE_TEXT]
"""What somebody wrote in words of their own."""

Remark = Annotated[Line, Personal.FREE_TEXT]
"""A few words of somebody's own, on one line."""


class Unit(StrEnum):
    """The unit of a quantity."""

    EACH = "each"
    KILOGRAM = "kg"
    LITRE = "l"
    METRE = "m"


class IdentifierKind(StrEnum):
    """What an identifier is; each (kind, value) has a facet of its own."""

    LOYALTY_CARD = "loyalty_card"
    WEB_VISITOR = "web_visitor"
    APP = "app"
    ACCOUNT = "account"
    EMAIL_HASH = "email_hash"
    PAYMENT_TOKEN = "payment_token"  # noqa: S105 - the name of a kind, not a secret


class Identifier(Part):
    """One handle by which a customer is met: a card, a visitor, a web account, a hashed e-mail."""

    kind: IdentifierKind
    value: Key

    @property
    def key(self) -> str:
        """The handle as one string, `kind:value`: the partition key of its events."""
        return f"{self.kind}:{self.value}"


class Funder(StrEnum):
    """Who pays for a discount."""

    RETAILER = "retailer"
    MAKER = "maker"
    PARTNER = "partner"


class DiscountKind(StrEnum):
    """Whether a deduction lowers the price (and the tax) or is a means of payment."""

    DISCOUNT = "discount"
    TENDER = "tender"


class LineDiscount(Part):
    """What was taken off one line, who funds it, and which voucher caused it, if any."""

    amount_cents: PositiveCents
    funder: Funder = Funder.RETAILER
    kind: DiscountKind = DiscountKind.DISCOUNT
    voucher_id: Key | None = None


class ReceiptLine(Part):
    """One line of a receipt; `amount_cents` is what the customer paid for it, tax included, discounts taken off."""

    line_no: Annotated[int, Field(ge=1, le=100_000)]
    item_id: Key
    gtin: Gtin | None = None
    quantity: Quantity = Decimal(1)
    unit: Unit = Unit.EACH
    amount_cents: Cents
    tax_ratio: Ratio = Decimal(0)
    discounts: tuple[LineDiscount, ...] = ()


class TenderKind(StrEnum):
    """How it was paid."""

    CASH = "cash"
    CARD = "card"
    MOBILE = "mobile"
    GIFT_CARD = "gift_card"
    VOUCHER = "voucher"
    LOYALTY_POINTS = "loyalty_points"
    ACCOUNT = "account"
    OTHER = "other"


class Tender(Part):
    """One payment of a receipt."""

    kind: TenderKind
    amount_cents: Cents


Moment = AwareDatetime
"""A point in time with its zone; UTC on the wire."""


def moment_of(at: datetime) -> datetime:
    """`at` itself; raises ValueError when it has no zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return at
