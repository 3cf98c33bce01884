"""Links between items into the service's own tables, those that make no sense refused; called for `ingest.catalog.v1`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogLink
from services.inventory.domain.closing.items import ClosingItem
from services.inventory.domain.closing.links import ItemLink, Tie, refusal_of
from services.inventory.ports import InventoryStore
from services.inventory.ports.links import LinkRow

_FIRST = date(1970, 1, 1)


async def take_links(store: InventoryStore, events: Sequence[Event]) -> Sequence[tuple[Event, str]]:
    """Keep the newest of each link, in the order of event time. Returns those that contradict links in force, with the reason."""
    facts = [(event, event.data) for event in events if isinstance(event.data, CatalogLink)]
    refused: list[tuple[Event, str]] = []
    for event, fact in sorted(facts, key=lambda one: (one[0].occurred_at, one[0].event_id)):
        link = _link(fact)
        reason = None if fact.cancelled else refusal_of(link, await store.links.in_force())
        if reason is not None:
            refused.append((event, reason))
            continue
        await store.links.keep(
            LinkRow(link=link, cancelled=fact.cancelled, occurred_at=event.occurred_at, event_id=event.event_id)
        )
    return refused


async def with_commands(store: InventoryStore, items: Sequence[ClosingItem]) -> Sequence[ClosingItem]:
    """The items with what was asked for of them and is not over."""
    known = await store.links.open_commands([item.view.facts.item_id for item in items])
    return [replace(item, view=replace(item.view, commands=known.get(item.view.facts.item_id, ()))) for item in items]


def _link(fact: CatalogLink) -> ItemLink:
    return ItemLink(
        link_id=fact.link_id,
        tie=Tie(fact.kind.value),
        item_id=fact.item_id,
        other_ids=fact.other_ids,
        first_day=None if fact.first_day is None else (fact.first_day - _FIRST).days,
        ratio=None if fact.ratio is None else float(fact.ratio),
    )
