"""What master data does: the newest of each item and store is kept; lanes are no business of a profile."""

from collections.abc import Sequence

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from services.profile.handlers.contacts import zone_of
from services.profile.ports import ItemRow, ProfileStore, StoreRow


def unknown_zone(event: Event) -> bool:
    """Whether `event` is about a store in a time zone that does not exist."""
    return isinstance(event.data, CatalogStore) and zone_of(event.data.time_zone) is None


async def take_catalog(store: ProfileStore, events: Sequence[Event]) -> None:
    """Keep what is newer than what is known, by event time and then event id."""
    items: dict[str, ItemRow] = {}
    stores: dict[str, StoreRow] = {}
    for event in sorted(events, key=lambda event: (event.occurred_at, event.event_id)):
        match event.data:
            case CatalogItem() as item:
                items[item.item_id] = ItemRow(
                    item_id=item.item_id,
                    category=item.category,
                    item_type=item.item_type,
                    rankable=item.voucherable,
                    occurred_at=event.occurred_at,
                    event_id=event.event_id,
                )
            case CatalogStore() as place:
                stores[place.store_id] = StoreRow(
                    store_id=place.store_id,
                    time_zone=place.time_zone,
                    currency=place.currency,
                    occurred_at=event.occurred_at,
                    event_id=event.event_id,
                )
            case _:
                continue
    await store.catalog.keep_items(items.values())
    await store.catalog.keep_stores(stores.values())
