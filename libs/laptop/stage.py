"""What must be known before the first basket, as events: items, stores, supply lanes, consent, opening stock. Pure.

Assumptions of a play, each said in the event itself: card holders have consented to personal offers; lanes and, without
a stock table, stock are made up.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from libs.laptop.dataset import Product
from libs.laptop.slices import Slice
from libs.laptop.supply import DRY_HOURS, FRESH_HOURS, FRESH_LANE
from libs.laptop.till import CARD
from libs.laptop.wire import cloud_event

COUNTRY = "US"
FRESH_DEPARTMENTS = frozenset(
    {"PRODUCE", "MEAT", "SEAFOOD", "DELI", "PASTRY", "SALAD BAR", "CHEF SHOPPE", "FLORAL", "RESTAURANT"}
)
BARRED: Mapping[str, str] = {
    "CIGARETTES": "tobacco",
    "CIGARS": "tobacco",
    "TOBACCO OTHER": "tobacco",
    "SMOKING CESSATIONS": "medicine",
    "BEERS/ALES": "alcohol",
    "DOMESTIC WINE": "alcohol",
    "IMPORTED WINE": "alcohol",
    "MISC WINE": "alcohol",
    "LIQUOR": "alcohol",
    "INFANT FORMULA": "infant_formula",
    "ANALGESICS": "medicine",
    "ANTACIDS": "medicine",
    "COLD AND FLU": "medicine",
    "PHARMACY": "medicine",
}
"""Categories of the built-in data set that are never offered to anyone."""

Event = Mapping[str, Any]


def master_events(part: Slice) -> Iterator[Event]:
    """Items, stores and supply lanes."""
    source = f"play/{part.name}"
    for product in part.products.values():
        yield _event(part, f"item-{product.product_id}", "usual.catalog.item.v1", source, _item(part, product))
    for store_id in part.store_ids:
        yield _event(part, f"store-{store_id}", "usual.catalog.store.v1", source, _store(part, store_id))
    for lane in _lanes(part):
        yield _event(part, str(lane["lane_id"]), "usual.catalog.lane.v1", source, lane)


def consent_events(part: Slice) -> Iterator[Event]:
    """Every card holder of the slice has consented to personal offers: an assumption, and marked as one."""
    for customer_id in part.customer_ids:
        content = {
            "customer": {"kind": CARD, "value": customer_id},
            "purpose": "personal_offers",
            "channel": "any",
            "granted": True,
            "evidence": "assumed for the play",
        }
        yield _event(part, f"consent-{customer_id}", "usual.consent.changed.v1", f"play/{part.name}", content)


def stock_events(part: Slice, seed: int) -> Iterator[Event]:
    """Opening stock of every store and item."""
    stock, synthetic = part.stock(seed)
    for (store_id, item_id), on_hand in stock.items():
        content = {"store_id": store_id, "item_id": item_id, "on_hand": str(on_hand), "synthetic": synthetic}
        yield _event(part, f"stock-{store_id}-{item_id}", "usual.stock.counted.v1", f"play/{part.name}", content)


def _event(part: Slice, event_id: str, kind: str, source: str, content: Mapping[str, Any]) -> Event:
    return cloud_event(kind, event_id, source, part.starts_at, content)


def _item(part: Slice, product: Product) -> dict[str, Any]:
    content: dict[str, Any] = {
        "item_id": product.product_id,
        "name": product.type[:200],
        "category": product.category[:128],
        "item_type": product.type[:128],
        "department": product.department[:128],
        "currency": part.currency,
        "stock_keeping": product.stock_keeping,
        "voucherable": product.voucherable,
    }
    if price_cents := part.prices_cents.get(product.product_id):
        content["price_cents"] = price_cents
    if product.category in BARRED:
        content["barred"] = BARRED[product.category]
    return content


def _store(part: Slice, store_id: str) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "name": f"Store {store_id}",
        "time_zone": part.dataset.stores[store_id].zone,
        "country": COUNTRY,
        "currency": part.currency,
    }


def _lanes(part: Slice) -> Iterator[dict[str, Any]]:
    yield {"lane_id": "lane-dry", "supplier_id": "dry-goods", "store_id": "*", "lead_time_hours": DRY_HOURS}
    kept = [product for product in part.products.values() if product.stock_keeping]
    for category in sorted({product.category for product in kept if product.department in FRESH_DEPARTMENTS}):
        yield {
            "lane_id": f"{FRESH_LANE}{category}"[:128],
            "supplier_id": "fresh-goods",
            "store_id": "*",
            "category": category[:128],
            "lead_time_hours": FRESH_HOURS,
        }
