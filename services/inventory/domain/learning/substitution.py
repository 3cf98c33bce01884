"""Substitutes: what an empty shelf sent to another one, taken out of that one's demand; and how much that is, learned; called by the close.

Symbols, for a set of substitutes in one store: h what the empty ones would have sold in the hours without stock (censoring.py),
y what those sold that were open all day, m what their last months let expect of them, s the share of h that went to them:

    s = sum w h (y - m) / (sum w h^2 + 5)        w = 1 / max(m, 0.05), over days with an empty and an open shelf, half-life 180 days

the least squares of y - m on h (var(y) is about m), pulled to none. Of each such day s h was demand for the empty ones that was met:
it is no demand for the others. So a set's demand is what it sold and what was truly lost, each unit once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.learning.facts import DayFacts, FloatArray, Shelves
from services.inventory.domain.learning.ties import Substitutes

Sums = Sequence[tuple[float, float]]
_DECAY = float(np.exp2(-1 / 180))
_LEAST_MEAN = 0.05


def met_elsewhere(
    shelves: Shelves, facts: DayFacts, sets: Sequence[Substitutes], asked: FloatArray, mean: FloatArray
) -> tuple[FloatArray, Sums]:
    """Demand without what came from empty substitutes, and the sums of each set with the day in them.

    `asked` is what was sold and hidden on each row, `mean` what its last months let expect of a whole day: what an empty shelf
    sends over raises the forecast of the next days, and hardly that.
    """
    own, sums = asked.copy(), []
    for one in sets:
        days = [_Day.of(rows, facts, mean) for rows in _stores(shelves, one)]
        days = [day for day in days if day.hidden > 0 and day.full]
        served = _DECAY * one.served + sum(day.weight * day.hidden * (day.sold - day.expected) for day in days)
        missed = _DECAY * one.missed + sum(day.weight * day.hidden * day.hidden for day in days)
        ratio = replace(one, served=served, missed=missed).ratio
        for day in days:
            if day.sold > 0:
                own[day.full] -= facts.sold[day.full] * min(ratio * day.hidden / day.sold, 1.0)
        sums.append((served, missed))
    return np.maximum(own, 0.0), sums


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A set in one store: what its empty shelves hid, and what those sold that were open all day."""

    full: list[int]
    hidden: float
    expected: float
    sold: float

    @classmethod
    def of(cls, rows: list[int], facts: DayFacts, mean: FloatArray) -> "_Day":
        full = [row for row in rows if facts.open_ratio[row] >= 1]
        hidden = float(((1 - facts.open_ratio[rows]) * mean[rows]).sum())
        return cls(full=full, hidden=hidden, expected=float(mean[full].sum()), sold=float(facts.sold[full].sum()))

    @property
    def weight(self) -> float:
        return 1 / max(self.expected, _LEAST_MEAN)


def served_elsewhere(shelves: Shelves, sets: Sequence[Substitutes], stock: FloatArray, ample: FloatArray) -> FloatArray:
    """Per row the share of what it misses that a substitute with ample stock (`stock` above `ample`) would sell instead."""
    found = np.zeros(len(shelves))
    for one in sets:
        for rows in _stores(shelves, one):
            for row in rows:
                others = [other for other in rows if other != row and stock[other] > ample[other]]
                found[row] = one.ratio if others else 0.0
    return found


def _stores(shelves: Shelves, one: Substitutes) -> Sequence[list[int]]:
    """The rows of a set, store by store, where it has at least two."""
    by_store: defaultdict[str, list[int]] = defaultdict(list)
    for place in one.items:
        rows = shelves.rows(place)
        for row in range(rows.start, rows.stop):
            by_store[shelves.store_ids[row]].append(row)
    return [rows for _, rows in sorted(by_store.items()) if len(rows) > 1]
