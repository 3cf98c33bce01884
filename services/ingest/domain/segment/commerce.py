"""Segment's standard names of what happens in a shop, as the bodies of our events; called by calls.py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libs.common.money import allocate_cents
from services.ingest.domain.segment.members import (
    Members,
    below,
    exact_cents,
    first_text,
    host_of,
    nearest_cents,
    objects,
    path_of,
    text,
    told,
)

Body = dict[str, Any]


def page(call: Members) -> Body:
    """A page that was shown; of its address only the path, of the one before only the host."""
    own, around = below(call, "properties"), below(below(call, "context"), "page")
    return told(
        url_path=path_of(first_text(own, "path", "url") or first_text(around, "path", "url")),
        title=first_text(own, "title") or first_text(around, "title") or first_text(call, "name"),
        referrer_host=host_of(first_text(own, "referrer") or first_text(around, "referrer")),
    )


def searched(said: Members) -> Body:
    """A search."""
    names = ("store_id", "region", "item_id", "category")
    meant = {name: first_text(said, name) for name in names}
    return told(query=first_text(said, "query"), results_count=said.get("results_count"), **meant)


def product_viewed(said: Members) -> Body:
    """A product's page."""
    currency = _currency(said)
    price_cents = nearest_cents(said.get("price"), currency)
    return told(item_id=_item(said), price_cents=price_cents, currency=currency if price_cents is not None else None)


def into_or_out_of_cart(said: Members) -> Body:
    """An item put into the basket, or taken out."""
    return told(item_id=_item(said), quantity=_quantity(said))


def checkout_started(said: Members) -> Body:
    """The basket of a visitor who sets out to pay."""
    currency = _currency(said)
    lines = [
        told(item_id=_item(line), quantity=_quantity(line), price_cents=nearest_cents(line.get("price"), currency))
        for line in objects(said, "products")
    ]
    total = first_text(said, "total", "value", "revenue")
    return told(
        cart_id=first_text(said, "cart_id", "checkout_id", "order_id"),
        currency=currency,
        lines=lines,
        total_cents=exact_cents(total, currency),
    )


def order_completed(said: Members) -> Body:
    """A web order, its taxes and discounts shared out among its lines."""
    currency = _currency(said)
    products = objects(said, "products")
    gross = [nearest_cents(line.get("price"), currency, _quantity(line)) for line in products]
    amounts = {
        name: exact_cents(said.get(name), currency) for name in ("total", "revenue", "shipping", "tax", "discount")
    }
    paid = _paid_for_goods(gross, amounts)
    discounts = _shared(amounts["discount"], gross) or [0] * len(gross)
    lines = [
        told(
            line_no=place,
            item_id=_item(line),
            quantity=_quantity(line),
            amount_cents=amount,
            discounts=[{"amount_cents": discount}] if discount else None,
        )
        for place, (line, amount, discount) in enumerate(zip(products, paid, discounts, strict=True), start=1)
    ]
    total = amounts["total"]
    if total is None and all(isinstance(amount, int) for amount in paid):
        total = sum(amount for amount in paid if isinstance(amount, int)) + _whole(amounts["shipping"])
    return told(order_id=first_text(said, "order_id", "checkout_id"), currency=currency, lines=lines, total_cents=total)


TRACKED: Mapping[str, tuple[str, Callable[[Members], Body]]] = {
    "products searched": ("usual.web.searched.v1", searched),
    "product viewed": ("usual.web.product_viewed.v1", product_viewed),
    "product added": ("usual.web.added_to_cart.v1", into_or_out_of_cart),
    "product removed": ("usual.web.removed_from_cart.v1", into_or_out_of_cart),
    "checkout started": ("usual.web.checkout_started.v1", checkout_started),
    "order completed": ("usual.web.ordered.v1", order_completed),
}
"""By the event's name in small letters: senders do not agree on capitals."""


def _item(said: Members) -> str | None:
    return first_text(said, "product_id", "sku")


def _quantity(said: Members) -> str:
    return text(said.get("quantity")) or "1"


def _currency(said: Members) -> str | None:
    currency = text(said.get("currency"))
    return currency.upper() if currency is not None else None


def _paid_for_goods(
    gross: Sequence[int | str | None], amounts: Mapping[str, int | str | None]
) -> Sequence[int | str | None]:
    """What was paid for each line: Segment states `total` = lines + shipping + tax - discount for the order as a whole."""
    total, revenue = amounts["total"], amounts["revenue"]
    if isinstance(total, int):
        return _shared(total - _whole(amounts["shipping"]), gross) or gross
    if isinstance(revenue, int):
        return _shared(revenue + _whole(amounts["tax"]), gross) or gross
    return gross


def _shared(amount: int | str | None, gross: Sequence[int | str | None]) -> Sequence[int] | None:
    """`amount` in proportion to the lines; None where it is none, or where a line has no readable price."""
    weights = [cents for cents in gross if isinstance(cents, int) and cents >= 0]
    if not isinstance(amount, int) or amount < 0 or not weights or len(weights) != len(gross):
        return None
    return allocate_cents(amount, weights if sum(weights) else [1] * len(weights))


def _whole(amount: int | str | None) -> int:
    return amount if isinstance(amount, int) else 0
