"""Lays promotions and open vouchers beside the shelves of a batch, day by day, for the learning kernel; called by the close and the API."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from services.inventory.domain.demand.demand import NOTHING_KNOWN
from services.inventory.domain.demand.promotions import Promotion, classes
from services.inventory.domain.distribution import FloatArray, IntArray
from services.inventory.domain.learning.known import Known
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.stock.shelves import ItemView
from services.inventory.domain.vouchers.lines import by_day

AHEAD_DAYS = 28
"""How far ahead what is known is laid out: longer than any order is waited for."""


def known_ahead(items: Sequence[ItemView], rate: FloatArray, day: int, around: Surroundings) -> Known | None:
    """What is known as of the close of `day`; None where nothing is. `rate` is what each shelf sells a day, for its share of a category's."""
    if not around.vouchers and not around.promotions:
        return None
    promoted = _promoted(items, len(rate), day, around.promotions)
    return Known(
        promoted=promoted[0],
        promoted_ahead=promoted[1:],
        vouchers_ahead=_vouchers(items, rate, day + 1, around),
    )


def _promoted(items: Sequence[ItemView], rows: int, day: int, promotions: Sequence[Promotion]) -> IntArray:
    """Classes: a row a day from `day` on, a column a shelf."""
    by_item: defaultdict[str, list[Promotion]] = defaultdict(list)
    for one in promotions:
        for item_id in one.item_ids:
            by_item[item_id].append(one)
    found, row = np.zeros((1 + AHEAD_DAYS, rows), dtype=np.int64), 0
    for item in items:
        end = row + len(item.store_ids)
        own = by_item.get(item.facts.item_id)
        if own:
            found[:, row:end] = classes(own, item.facts.item_id, item.store_ids, day, 1 + AHEAD_DAYS).T
        row = end
    return found


def _vouchers(items: Sequence[ItemView], rate: FloatArray, first_day: int, around: Surroundings) -> FloatArray:
    """Units: a row a day from `first_day` on, a column a shelf; a category's fall to its items by how fast they sell there."""
    lines = around.vouchers
    units = by_day(lines, first_day, AHEAD_DAYS)
    by_subject: defaultdict[tuple[str, str | None, str | None], list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        by_subject[line.store_id, line.item_id, line.category].append(place)
    found, row = np.zeros((AHEAD_DAYS, len(rate))), 0
    for item in items:
        category = item.facts.category
        level = around.levels.by_category.get(category, NOTHING_KNOWN)
        whole = max(level.rate * around.levels.shelves_per_store.get(category, 1.0), 1e-9)
        for store_id in item.store_ids:
            own = by_subject.get((store_id, item.facts.item_id, None))
            if own:
                found[:, row] += units[own].sum(axis=0)
            general = by_subject.get((store_id, None, category))
            if general:
                found[:, row] += units[general].sum(axis=0) * min(rate[row] / whole, 1.0)
            row += 1
    return found
