"""Levels, lanes and vouchers around a batch of items, from PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.catalog import Lane, LaneBook
from services.inventory.domain.demand import CategoryLevel
from services.inventory.domain.planning import Surroundings
from services.inventory.domain.replenishment import Policy
from services.inventory.domain.shelves import ItemView, Levels, VoucherLine

_LEVELS = text(
    "SELECT category, weekday_milli, weekday_shelf_days, shelves_per_store FROM category_levels ORDER BY category"
)
_LANES = text("SELECT lane_id, supplier_id, store_id, category, lead_time_hours, order_weekdays FROM lanes")
_VOUCHERS = text("""
    SELECT store_id, item_id, category, first_day, last_day, expected_micro FROM voucher_demand
    WHERE last_day >= :day AND (item_id = ANY(CAST(:item_ids AS text[])) OR (item_id = '' AND category = ANY(CAST(:categories AS text[]))))
    ORDER BY item_id, category, store_id, first_day, last_day
""")


async def read_surroundings(tx: Transaction, items: Sequence[ItemView], day: int, policy: Policy) -> Surroundings:
    """What planning these items on this day needs; levels and vouchers only where a plan is made."""
    lanes = [
        Lane(
            lane_id=row.lane_id,
            supplier_id=row.supplier_id,
            store_id=row.store_id,
            category=row.category,
            lead_time_hours=row.lead_time_hours,
            order_weekdays=row.order_weekdays,
        )
        for row in await tx.connection.execute(_LANES)
    ]
    stale = [item for item in items if item.needs_plan(day)]
    if not stale:
        return Surroundings(levels=Levels(), lanes=LaneBook.of(lanes), policy=policy)
    subjects = {
        "day": day,
        "item_ids": [item.facts.item_id for item in stale],
        "categories": sorted({item.facts.category for item in stale}),
    }
    vouchers = [
        VoucherLine(
            store_id=row.store_id,
            item_id=row.item_id or None,
            category=None if row.item_id else row.category,
            first_day=row.first_day,
            last_day=row.last_day,
            units=row.expected_micro / 1_000_000,
        )
        for row in await tx.connection.execute(_VOUCHERS, subjects)
    ]
    return Surroundings(levels=await _levels(tx), lanes=LaneBook.of(lanes), policy=policy, vouchers=vouchers)


async def _levels(tx: Transaction) -> Levels:
    by_category: dict[str, CategoryLevel] = {}
    shelves_per_store: dict[str, float] = {}
    for category, weekday_milli, weekday_shelf_days, shelves in await tx.connection.execute(_LEVELS):
        by_category[category] = CategoryLevel(
            category=category, weekday_milli=tuple(weekday_milli), weekday_shelf_days=tuple(weekday_shelf_days)
        )
        shelves_per_store[category] = shelves
    return Levels(by_category, shelves_per_store)
