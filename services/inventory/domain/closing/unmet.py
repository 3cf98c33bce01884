"""What was asked for and not there, where somebody tells of it; used by the day's close instead of its own estimate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, FloatArray, Shelves


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """What was asked for of an item on a day in a store, and was not there."""

    item_id: str
    store_id: str
    day: int
    units_milli: int


def hidden_demand(units: FloatArray, shelves: Shelves, day: int) -> Sequence[Unmet]:
    """What met an empty shelf on a day, where there was any, from units a row; less than a thousandth is nothing."""
    milli = np.rint(units * 1000).astype(np.int64)
    rows = np.flatnonzero(milli > 0)
    items = shelves.item_of[rows].tolist()
    return [
        Unmet(item_id=shelves.item_ids[item], store_id=shelves.store_ids[row], day=day, units_milli=int(milli[row]))
        for row, item in zip(rows.tolist(), items, strict=True)
    ]


def revealed(facts: DayFacts, shelves: Shelves, unmet: Sequence[Unmet]) -> DayFacts:
    """The day's facts where all demand is known: what was not there counts as sold, and no empty shelf hides anything."""
    items = [shelves.item_ids[place] for place in shelves.item_of.tolist()]
    rows = {key: row for row, key in enumerate(zip(items, shelves.store_ids, strict=True))}
    sold = facts.sold.copy()
    for one in unmet:
        row = rows.get((one.item_id, one.store_id))
        if row is not None:
            sold[row] += one.units_milli / 1000
    sizes = facts.line_sizes.copy()
    emptied = np.flatnonzero(facts.emptied_by > 0)
    places = np.clip(np.rint(facts.emptied_by[emptied]), 0, LINE_SIZES - 1).astype(np.int64)
    np.add.at(sizes, (shelves.item_of[emptied], places), 1.0)
    return replace(
        facts,
        sold=sold,
        open_ratio=np.ones_like(facts.open_ratio),
        emptied_by=np.zeros_like(facts.emptied_by),
        line_sizes=sizes,
    )
