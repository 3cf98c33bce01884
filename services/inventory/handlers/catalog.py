"""Master data into the service's own tables; called for `ingest.catalog.v1`."""

from collections.abc import Sequence

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogItem, CatalogLane, CatalogStore
from services.inventory.domain.measure import to_milli
from services.inventory.ports import InventoryStore, ItemRow, LaneRow, StoreRow


async def take_catalog(store: InventoryStore, events: Sequence[Event]) -> int:
    """Keep the newest of each item, store and lane; items are looked at again. Returns how many events."""
    items: dict[str, ItemRow] = {}
    stores: dict[str, StoreRow] = {}
    lanes: dict[str, LaneRow] = {}
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
                occurred_at=event.occurred_at,
                event_id=event.event_id,
            )
        elif isinstance(fact, CatalogLane):
            lanes[fact.lane_id] = _lane(event, fact)
    await store.catalog.keep_items(items.values())
    await store.catalog.keep_stores(stores.values())
    await store.catalog.keep_lanes(lanes.values())
    await store.stock.touch(items)
    return len(events)


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
    )


def _lane(event: Event, fact: CatalogLane) -> LaneRow:
    return LaneRow(
        lane_id=fact.lane_id,
        supplier_id=fact.supplier_id,
        store_id=fact.store_id,
        category=fact.category,
        lead_time_hours=fact.lead_time_hours,
        order_weekdays=tuple(sorted(set(fact.order_weekdays))) or tuple(range(7)),
        occurred_at=event.occurred_at,
        event_id=event.event_id,
    )
