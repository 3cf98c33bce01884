"""What the chain carries where, from plans and shelves, as the assortment's arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.assortment.likeness import Range
from services.inventory.domain.assortment.placements import Traits
from services.inventory.domain.learning.facts import IntArray
from services.inventory.ports.assortment import Chain

GONE_AFTER_DAYS = 56
_WEEK = 7

_PLANS = text("""
    SELECT items.item_id, items.name, items.category, coalesce(known.item_type, items.category) AS item_type, known.brand,
           items.price_cents, plans.store_ids, plans.rate, plans.excess_week, gone.store_ids AS gone
    FROM plans JOIN items USING (item_id) LEFT JOIN assortment_items AS known USING (item_id)
    LEFT JOIN (
        SELECT item_id, array_agg(store_id) AS store_ids FROM stock
        WHERE on_hand_milli <= 0 AND moved_day < (SELECT max(day) FROM plans) - :gone_after GROUP BY item_id
    ) AS gone USING (item_id)
    WHERE items.stock_keeping ORDER BY items.item_id
""")
_REGIONS = text("SELECT store_id, region FROM assortment_stores WHERE region IS NOT NULL")


async def read_chain(tx: Transaction) -> Chain:
    """All planned items, and the regions of stores."""
    rows = (await tx.connection.execute(_PLANS, {"gone_after": GONE_AFTER_DAYS})).all()
    regions = {row.store_id: row.region for row in await tx.connection.execute(_REGIONS)}
    return Chain(
        carried=_range(rows),
        traits=[
            Traits(
                item_id=row.item_id,
                category=row.category,
                item_type=row.item_type,
                brand=row.brand,
                price_cents=row.price_cents,
            )
            for row in rows
        ],
        names=[row.name for row in rows],
        regions=regions,
    )


def _range(rows: Sequence[Any]) -> Range:
    store_ids = sorted({store_id for row in rows for store_id in row.store_ids})
    place = {store_id: number for number, store_id in enumerate(store_ids)}
    shape = (len(rows), len(store_ids))
    weekly, excess, carried = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    known: dict[tuple[str, ...], IntArray] = {}
    for number, row in enumerate(rows):
        where = _places(tuple(row.store_ids), place, known)
        weekly[number, where] = np.array(row.rate) * _WEEK
        carried[number, where] = True
        if row.excess_week:
            excess[number, where] = row.excess_week
        gone = _places(tuple(row.gone or ()), place, {})
        carried[number, gone] = False
        weekly[number, gone] = 0.0
    return Range(
        item_ids=[row.item_id for row in rows],
        category=_codes([(row.category,) for row in rows]),
        group=_codes([(row.category, row.item_type) for row in rows]),
        store_ids=store_ids,
        weekly=np.maximum(weekly, 0.0),
        carried=carried,
        excess=excess,
    )


def _places(store_ids: tuple[str, ...], place: Mapping[str, int], known: dict[tuple[str, ...], IntArray]) -> IntArray:
    """Columns of stores; most items are in the same ones."""
    found = known.get(store_ids)
    if found is None:
        found = np.array([place[store_id] for store_id in store_ids if store_id in place], dtype=np.int64)
        known[store_ids] = found
    return found


def _codes(names: Sequence[tuple[str, ...]]) -> IntArray:
    """Numbers from 0 on, in the order of names."""
    code = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([code[name] for name in names], dtype=np.int64)
