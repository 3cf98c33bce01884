"""What planners ask: unmet demand, what to introduce in a store, where to place an item; each from one transaction.

Lists are made when they are asked for: a chain that asks for none pays for none. The arithmetic runs beside the server's loop.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from libs.common.clock import Clock
from libs.common.errors import Conflict, NotFound
from libs.common.persistence import Transactions
from services.inventory.domain.assortment.evidence import SHOWN_WEEKS, prices_of
from services.inventory.domain.assortment.introductions import Introduction, Wish, introductions
from services.inventory.domain.assortment.likeness import likeness
from services.inventory.domain.assortment.placements import Placement, Traits, placements
from services.inventory.domain.assortment.searches import (
    Place,
    PlaceKind,
    Sought,
    Subject,
    SubjectKind,
    sought,
    week_of,
)
from services.inventory.domain.assortment.unmet_demand import UnmetDemand, UnmetWish, Unserved, unmet_demand
from services.inventory.domain.stock.shelves import day_of, start_of
from services.inventory.ports import InventoryStore
from services.inventory.ports.assortment import Chain
from services.inventory.ports.stores import StoreOf

DECIDED_DAYS = 91
"""So long an item that was declined in a store, or taken out of it, is not proposed there again."""
_WEEK = 7
Shown = Mapping[tuple[Subject, Place], Sought]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssortmentDesk:
    """Every method raises RetryableError when the database does not answer."""

    transactions: Transactions
    store_of: StoreOf
    clock: Clock

    async def unmet(self, wish: UnmetWish) -> Sequence[UnmetDemand]:
        """Demand that was not met in the last four whole weeks, the most valuable first."""
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            until = await closed_until(store, self.clock)
            chain = await store.assortment.chain()
            shown = await _shown(store, chain, until)
            hidden = await store.assortment.hidden(until - SHOWN_WEEKS * _WEEK + 1, until)
        prices = prices_of([one.price_cents for one in chain.traits])
        unserved = Unserved(hidden=hidden, sought=shown)
        return await asyncio.to_thread(unmet_demand, chain.carried, prices, chain.regions, unserved, wish)

    async def introductions(self, store_id: str, limit: int, *, by_value: bool) -> Sequence[Introduction]:
        """What this store should try, best first; raises NotFound for a store without a shelf."""
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            until = await closed_until(store, self.clock)
            chain = await store.assortment.chain()
            shown = await _shown(store, chain, until)
            decided = await store.trials.decided(store_id, start_of(until) - timedelta(days=DECIDED_DAYS))
        column = chain.carried.column_of(store_id)
        if column is None:
            raise NotFound("no item is planned in this store", slug="unknown-store")
        wish = Wish(limit=limit, by_value=by_value, decided=decided)
        return await asyncio.to_thread(_introductions, chain, shown, column, wish)

    async def placements(self, item_id: str, limit: int) -> Sequence[Placement]:
        """Where this item should go, best first; raises NotFound for an item that the catalogue does not hold."""
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            item = await known_item(store, item_id)
            until = await closed_until(store, self.clock)
            chain = await store.assortment.chain()
            shown = await _shown(store, chain, until)
        return await asyncio.to_thread(placed, chain, item, _by_store(shown, item_id), limit)


async def closed_until(store: InventoryStore, clock: Clock) -> int:
    """The newest closed day; before the first close, yesterday."""
    found = await store.assortment.closed_day()
    return day_of(clock.now()) - 1 if found is None else found


async def known_item(store: InventoryStore, item_id: str) -> Traits:
    """The item as the catalogue tells it; raises NotFound."""
    found = await store.assortment.traits(item_id)
    if found is None:
        raise NotFound("the catalogue does not hold this item", slug="unknown-item")
    return found


def placed(chain: Chain, item: Traits, searches: Mapping[str, Sought], limit: int) -> Sequence[Placement]:
    """The stores for an item, best first."""
    return placements(chain.carried, likeness(chain.carried), item, chain.traits, searches, limit)


async def expectation(store: InventoryStore, item_id: str, store_id: str) -> Placement:
    """What is expected of an item in a store that does not carry it, with its stop rule.

    Raises NotFound for an item that the catalogue does not hold, Conflict where the store carries it, or nothing tells what it would sell.
    """
    item, chain = await known_item(store, item_id), await store.assortment.chain()
    column, row = chain.carried.column_of(store_id), chain.carried.place_of(item_id)
    if column is not None and row is not None and chain.carried.carried[row, column]:
        raise Conflict("the store carries this item already", slug="already-carried")
    found = await asyncio.to_thread(placed, chain, item, {}, len(chain.carried.store_ids))
    for line in found:
        if line.store_id == store_id:
            return line
    raise Conflict("nothing tells what this item would sell in this store", slug="no-expectation")


async def _shown(store: InventoryStore, chain: Chain, until: int) -> Shown:
    """What was searched for in the weeks up to the one that a day lies in."""
    week = week_of(until)
    return sought(await store.assortment.searches(week - SHOWN_WEEKS + 1, week), chain.regions)


def _by_store(shown: Shown, item_id: str) -> Mapping[str, Sought]:
    subject = Subject(SubjectKind.ITEM, item_id)
    return {
        place.place_id: found
        for (what, place), found in shown.items()
        if what == subject and place.kind is PlaceKind.STORE
    }


def _introductions(chain: Chain, shown: Shown, column: int, wish: Wish) -> Sequence[Introduction]:
    place = Place(PlaceKind.STORE, chain.carried.store_ids[column])
    searches = {
        what.subject_id: found
        for (what, where), found in shown.items()
        if where == place and what.kind is SubjectKind.ITEM
    }
    prices = prices_of([one.price_cents for one in chain.traits])
    return introductions(chain.carried, likeness(chain.carried), prices, column, searches, wish)
