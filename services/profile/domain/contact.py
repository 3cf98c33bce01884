"""Contacts of a customer as neutral values: what a facet is told, whatever contract it came in; handlers map events to them.

They are stored as they are (domain/delta.py): fields may be added at the end with a default, none may move.
"""

from hashlib import blake2b
from typing import Literal, TypeAlias

from msgspec import Struct

WebAction: TypeAlias = Literal["page", "search", "product", "cart", "uncart", "checkout", "order"]
MatterKind: TypeAlias = Literal["complaint", "service_contact"]


class PurchaseLine(Struct, frozen=True, array_like=True, gc=False):
    """One line of a receipt: quantity in thousandths of its unit, money in minor units of the chain's currency.

    `amount_cents` is what was paid, `discount_cents` what was taken off. A line that can carry no voucher (fuel, till
    codes, gift cards) has `rankable=False`: it counts as spend, never as a need.
    """

    item_id: str
    category: str
    type: str
    quantity_milli: int
    amount_cents: int
    discount_cents: int = 0
    rankable: bool = True


class Purchase(Struct, frozen=True, array_like=True, gc=False, tag="p"):
    """A receipt that was paid; `utc_offset_minutes` is the store's zone at that time, so that the local hour can be derived.

    `coupon_cents` is what coupons took off or paid, whoever gave them out.
    """

    event_id: str
    receipt_id: str
    occurred_at_seconds: int
    store_id: str
    lines: tuple[PurchaseLine, ...]
    channel: str = "till"
    utc_offset_minutes: int = 0
    coupon_cents: int = 0


class PackedPurchase(Struct, frozen=True, array_like=True, gc=False, tag="b"):
    """The same receipt with its lines as columns: how purchases are stored, and how they are worked in."""

    event_id: str
    receipt_id: str
    occurred_at_seconds: int
    store_id: str
    items: tuple[str, ...]
    categories: tuple[str, ...]
    types: tuple[str, ...]
    quantities_milli: tuple[int, ...]
    amounts_cents: tuple[int, ...]
    discounts_cents: tuple[int, ...]
    rankable: tuple[bool, ...]
    channel: str = "till"
    utc_offset_minutes: int = 0
    coupon_cents: int = 0

    @property
    def lines(self) -> tuple[PurchaseLine, ...]:
        """The lines one by one."""
        columns = (self.items, self.categories, self.types, self.quantities_milli, self.amounts_cents)
        return tuple(map(PurchaseLine, *columns, self.discounts_cents, self.rankable))


AnyPurchase: TypeAlias = Purchase | PackedPurchase


def packed(purchase: AnyPurchase) -> PackedPurchase:
    """A purchase with its lines as columns."""
    if isinstance(purchase, PackedPurchase):
        return purchase
    lines = purchase.lines
    return PackedPurchase(
        event_id=purchase.event_id,
        receipt_id=purchase.receipt_id,
        occurred_at_seconds=purchase.occurred_at_seconds,
        store_id=purchase.store_id,
        items=tuple([line.item_id for line in lines]),
        categories=tuple([line.category for line in lines]),
        types=tuple([line.type for line in lines]),
        quantities_milli=tuple([line.quantity_milli for line in lines]),
        amounts_cents=tuple([line.amount_cents for line in lines]),
        discounts_cents=tuple([line.discount_cents for line in lines]),
        rankable=tuple([line.rankable for line in lines]),
        channel=purchase.channel,
        utc_offset_minutes=purchase.utc_offset_minutes,
        coupon_cents=purchase.coupon_cents,
    )


class ReturnedLine(Struct, frozen=True, array_like=True, gc=False):
    """One line brought back; amounts are positive."""

    item_id: str
    quantity_milli: int
    refund_cents: int


class Return(Struct, frozen=True, array_like=True, gc=False, tag="r"):
    """Goods brought back, or a receipt voided after it was counted."""

    event_id: str
    occurred_at_seconds: int
    lines: tuple[ReturnedLine, ...]


class WebView(Struct, frozen=True, array_like=True, gc=False, tag="w"):
    """Something done on the website or in an app; `item_id` is empty when no item is meant."""

    event_id: str
    occurred_at_seconds: int
    action: WebAction
    item_id: str = ""


class SurveyAnswer(Struct, frozen=True, array_like=True, gc=False, tag="s"):
    """A number that the customer gave to a question (stars, 0 to 10, complaint = 0, ...)."""

    event_id: str
    occurred_at_seconds: int
    question: str
    score: int


class MatterMoved(Struct, frozen=True, array_like=True, gc=False, tag="m"):
    """A complaint or a service contact was opened (the customer waits for us) or settled, in whatever order we hear of it.

    `matter_id` is the service desk's own number.
    """

    event_id: str
    occurred_at_seconds: int
    kind: MatterKind
    matter_id: str
    opened: bool


class Compliment(Struct, frozen=True, array_like=True, gc=False, tag="c"):
    """The customer praised us."""

    event_id: str
    occurred_at_seconds: int


class VoucherIssued(Struct, frozen=True, array_like=True, gc=False, tag="i"):
    """A voucher was printed or shown for the customer."""

    event_id: str
    occurred_at_seconds: int


class VoucherRedeemed(Struct, frozen=True, array_like=True, gc=False, tag="u"):
    """A voucher was used; `discount_cents` is what was really given."""

    event_id: str
    occurred_at_seconds: int
    discount_cents: int


Contact: TypeAlias = (
    Purchase
    | PackedPurchase
    | Return
    | WebView
    | SurveyAnswer
    | MatterMoved
    | Compliment
    | VoucherIssued
    | VoucherRedeemed
)


def tie_of(event_id: str) -> int:
    """The 32-bit number that orders one customer's events of the same second, the same on every machine."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=4).digest(), "big")
