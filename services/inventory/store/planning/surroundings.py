"""Levels, lanes and vouchers around a batch of items, from PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.demand.demand import CategoryLevel
from services.inventory.domain.depots.supply_chain import lanes_in_force
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.planning.known_ahead import AHEAD_DAYS
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.stock.shelves import ItemView, Levels
from services.inventory.store.demand import PostgresPromotions
from services.inventory.store.policies import read_book, read_lanes
from services.inventory.store.vouchers import read_lines

_LEVELS = text(
    "SELECT category, weekday_milli, weekday_shelf_days, shelves_per_store FROM category_levels ORDER BY category"
)


async def read_surroundings(tx: Transaction, items: Sequence[ItemView], day: int, policy: Policy) -> Surroundings:
    """What planning these items on this day needs; levels and vouchers only where a plan is made."""
    lanes = LaneBook.of(lanes_in_force(await read_lanes(tx))[0])
    book = await read_book(tx)
    stale = [item for item in items if item.needs_plan(day)]
    if not stale:
        return Surroundings(levels=Levels(), lanes=lanes, policy=policy, book=book)
    item_ids, categories = [item.facts.item_id for item in stale], {item.facts.category for item in stale}
    vouchers = await read_lines(tx, item_ids, categories, day)
    promotions = await PostgresPromotions(tx).of_items(item_ids, day - 1, day + AHEAD_DAYS)
    return Surroundings(
        levels=await _levels(tx), lanes=lanes, policy=policy, vouchers=vouchers, promotions=promotions, book=book
    )


async def _levels(tx: Transaction) -> Levels:
    by_category: dict[str, CategoryLevel] = {}
    shelves_per_store: dict[str, float] = {}
    for category, weekday_milli, weekday_shelf_days, shelves in await tx.connection.execute(_LEVELS):
        by_category[category] = CategoryLevel(
            category=category, weekday_milli=tuple(weekday_milli), weekday_shelf_days=tuple(weekday_shelf_days)
        )
        shelves_per_store[category] = shelves
    return Levels(by_category, shelves_per_store)
