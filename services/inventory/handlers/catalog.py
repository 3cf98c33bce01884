"""Master data into the service's own tables; called for `ingest.catalog.v1`."""

from collections.abc import Sequence
from datetime import date, time

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogItem, CatalogLane, CatalogPromotion, CatalogStore
from libs.common.zones import known_zone
from services.inventory.domain.demand.promotions import Mailer, Promotion
from services.inventory.domain.measure import to_milli
from services.inventory.ports import InventoryStore, ItemRow, LaneRow, StoreRow
from services.inventory.ports.vouchers import PromotionRow

_FIRST = date(1970, 1, 1)


async def take_catalog(store: InventoryStore, events: Sequence[Event]) -> int:
    """Keep the newest of each item, store and lane; items are looked at again. Returns how many events."""
    items: dict[str, ItemRow] = {}
    stores: dict[str, StoreRow] = {}
    lanes: dict[str, LaneRow] = {}
    promotions: dict[str, PromotionRow] = {}
    for event in sorted(events, key=lambda one: (one.occurred_at, one.event_id)):
        fact = event.data
        if isinstance(fact, CatalogItem):
            items[fact.item_id] = _item(event, fact)
        elif isinstance(fact, CatalogStore):
            stores[fact.store_id] = StoreRow(
                store_id=fact.store_id,
                name=fact.name,
                time_zone=fact.time_zone,
                currency=fact.currency,
                opens_at_seconds=_seconds(fact.opens_at),
                closes_at_seconds=_seconds(fact.closes_at),
                occurred_at=event.occurred_at,
                event_id=event.event_id,
                kind=fact.kind,
            )
        elif isinstance(fact, CatalogLane):
            lanes[fact.lane_id] = _lane(event, fact)
        elif isinstance(fact, CatalogPromotion):
            promotions[fact.promotion_id] = _promotion(event, fact)
    await store.catalog.keep_items(items.values())
    await store.catalog.keep_stores(stores.values())
    await store.catalog.keep_lanes(lanes.values())
    await store.promotions.keep(promotions.values())
    await store.stock.touch(items)
    return len(events)


def _seconds(clock: time) -> int:
    """Since the day began."""
    return clock.hour * 3600 + clock.minute * 60 + clock.second


def _item(event: Event, fact: CatalogItem) -> ItemRow:
    return ItemRow(
        item_id=fact.item_id,
        name=fact.name,
        category=fact.category,
        unit=fact.unit.value,
        pack_milli=max(to_milli(fact.pack_size), 1),
        price_cents=fact.price_cents,
        cost_cents=fact.cost_cents,
        currency=fact.currency,
        stock_keeping=fact.stock_keeping,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
        shelf_life_days=fact.shelf_life_days,
        layer_packs=fact.layer_packs,
        least_packs=fact.least_packs,
        weight_grams=fact.weight_grams,
        volume_ml=fact.volume_ml,
    )


def _promotion(event: Event, fact: CatalogPromotion) -> PromotionRow:
    return PromotionRow(
        promotion=Promotion(
            promotion_id=fact.promotion_id,
            item_ids=fact.item_ids,
            store_ids=fact.store_ids,
            first_day=(fact.first_day - _FIRST).days,
            last_day=(fact.last_day - _FIRST).days,
            mailer=Mailer[fact.mailer.upper()] if fact.mailer else Mailer.NONE,
            display=fact.display,
        ),
        cancelled=fact.cancelled,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
    )


def _lane(event: Event, fact: CatalogLane) -> LaneRow:
    return LaneRow(
        lane_id=fact.lane_id,
        supplier_id=fact.supplier_id,
        store_id=fact.store_id,
        category=fact.category,
        lead_time_hours=fact.lead_time_hours,
        order_weekdays=tuple(sorted(set(fact.order_weekdays))) or tuple(range(7)),
        rank=fact.rank,
        occurred_at=event.occurred_at,
        event_id=event.event_id,
        cutoff_at=fact.cutoff_at,
        time_zone=known_zone(fact.time_zone),
        closed_on=tuple(sorted(set(fact.closed_on))),
        truck_units=fact.truck_units,
        truck_grams=fact.truck_grams,
        truck_ml=fact.truck_ml,
        fills_truck=fact.fills_truck,
        budget_cents=fact.order_budget_cents,
        minimum_cents=fact.minimum_order_cents,
        depot_id=fact.depot_id,
    )
