"""Purchases as a worker notes them in a batch: in columns, with one label an item."""

from collections.abc import Iterable, Mapping

from services.profile.domain.contact import AnyPurchase, packed
from services.profile.domain.purchases import Bought, ItemLabel, Noted, Purchases


def bought(purchase: AnyPurchase, holder: str | None = None) -> Bought:
    """What a sale's body would have told of it."""
    columns = packed(purchase)
    return Bought(
        receipt_id=columns.receipt_id,
        store_id=columns.store_id,
        currency="EUR",
        holder=holder,
        items=list(columns.items),
        quantities_milli=list(columns.quantities_milli),
        amounts_cents=list(columns.amounts_cents),
        discounts_cents=list(columns.discounts_cents),
        coupon_cents=columns.coupon_cents,
    )


def labels_of(purchases: Iterable[AnyPurchase]) -> Mapping[str, ItemLabel]:
    """A catalogue that tells of each item what the last of these purchases does."""
    return {
        line.item_id: ItemLabel(line.category, line.type, line.rankable)
        for purchase in purchases
        for line in purchase.lines
    }


def noted(purchases: Iterable[AnyPurchase], labels: Mapping[str, ItemLabel]) -> Purchases:
    """At least one purchase."""
    columns = Noted()
    for purchase in purchases:
        offset = purchase.utc_offset_minutes
        columns.add(bought(purchase), purchase.event_id, purchase.occurred_at_seconds, purchase.channel, offset)
    return columns.columns(labels)
