"""Searches of the website into counts that name nobody, and the catalogue that they are understood by; called for web and catalogue topics."""

from collections.abc import Sequence

from libs.common.contracts import Event, is_sealed
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.web import Searched
from services.inventory.domain.assortment.searches import (
    Interest,
    Match,
    Place,
    PlaceKind,
    added,
    subject_of,
    visitor_bit,
    week_of,
)
from services.inventory.domain.assortment.words import all_words, words
from services.inventory.domain.stock.shelves import day_of
from services.inventory.ports.assortment import AssortmentItem, AssortmentPlace, AssortmentStore


async def take_searches(store: AssortmentStore, events: Sequence[Event]) -> tuple[int, int]:
    """Count what was searched for; how many searches were understood, and how many were not and leave no trace.

    What a sealed search says nobody can read here: of it counts what the sender said it was for, if it did.
    """
    searches = [(event, event.data) for event in events if isinstance(event.data, Searched)]
    asked = [_words(search) for _, search in searches]
    matches = await store.matches(asked)
    found = [
        interest
        for (event, search), matched in zip(searches, matches, strict=True)
        if (interest := _interest(event, search, matched)) is not None
    ]
    await store.count(added(found))
    return len(found), len(searches) - len(found)


async def take_assortment(store: AssortmentStore, events: Sequence[Event]) -> None:
    """Keep items by their words, and the regions of stores, the newest of each."""
    items: dict[str, AssortmentItem] = {}
    places: dict[str, AssortmentPlace] = {}
    for event in sorted(events, key=lambda one: (one.occurred_at, one.event_id)):
        if isinstance(event.data, CatalogItem):
            items[event.data.item_id] = _item(event, event.data)
        elif isinstance(event.data, CatalogStore):
            places[event.data.store_id] = AssortmentPlace(
                store_id=event.data.store_id,
                region=event.data.region,
                occurred_at=event.occurred_at,
                event_id=event.event_id,
            )
    await store.keep_items(items.values())
    await store.keep_stores(places.values())


def _words(search: Searched) -> frozenset[str]:
    if search.item_id is not None or search.category is not None or is_sealed(search.query):
        return frozenset()
    return words(search.query)


def _interest(event: Event, search: Searched, matches: Sequence[Match]) -> Interest | None:
    subject = subject_of(search.item_id, search.category, matches)
    if subject is None:
        return None
    week = week_of(day_of(event.occurred_at))
    bit = visitor_bit(search.visitor.key, subject, week)
    is_unanswered = search.results_count == 0
    return Interest(
        subject=subject,
        place=_place(search),
        week=week,
        searches=1,
        unanswered=int(is_unanswered),
        seen_by=bit,
        unanswered_by=bit if is_unanswered else 0,
    )


def _place(search: Searched) -> Place:
    if search.store_id is not None:
        return Place(PlaceKind.STORE, search.store_id)
    return Place(PlaceKind.CHAIN) if search.region is None else Place(PlaceKind.REGION, search.region)


def _item(event: Event, fact: CatalogItem) -> AssortmentItem:
    return AssortmentItem(
        item_id=fact.item_id,
        name=fact.name,
        category=fact.category,
        item_type=fact.item_type,
        brand=fact.brand,
        price_cents=fact.price_cents,
        stock_keeping=fact.stock_keeping,
        words=all_words((fact.name, fact.category, fact.item_type, fact.brand)),
        occurred_at=event.occurred_at,
        event_id=event.event_id,
    )
