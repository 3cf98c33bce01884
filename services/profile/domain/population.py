"""Learning what is known of items across all customers: popularity, repeat rate, pooled intervals; the learner feeds it each basket."""

from collections.abc import Mapping

import numpy as np

from libs.ranking.history import SAME_DAY, Floats
from libs.ranking.population import COLUMNS, FADING_DAYS, PopulationState
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Integers, PastVisit

REBASE_DAYS = 30.0  # the forward-faded counts are brought to a new reference before they grow too large
POPULAR_KEPT = 600
POPULAR_EVERY_DAYS = 0.5


class PopulationLearner:
    """Learns from baskets in (time, event id) order; `state` is live: read it, or `state.encode()` it for a snapshot."""

    def __init__(self, state: PopulationState | None = None, popular_at_slot: int = -1) -> None:
        self.state = state or PopulationState()
        self.popular_at_slot = popular_at_slot  # half-day number when the list of popular items was last made

    @classmethod
    def decode(cls, content: bytes, popular_at_slot: int) -> "PopulationLearner":
        """A learner that goes on from `state.encode()` and the slot of its popular list."""
        return cls(PopulationState.decode(content), popular_at_slot)

    def learn(self, before: CustomerRankingState, visit: PastVisit, labels: Mapping[str, tuple[str, str]]) -> None:
        """Take in one basket; `before` is its customer's state without it."""
        population = self.state
        at_days = visit.at_seconds / DAY_SECONDS
        self._rebase(at_days)
        rows = self._rows(visit.items, labels)
        gap_days = _days_since_last(before, visit, at_days)
        added = np.zeros((len(rows), COLUMNS))
        added[:, :3] = np.exp((at_days - population.reference_at_days) / np.array(FADING_DAYS))
        added[:, 3] = 1.0
        added[:, 4] = np.isinf(gap_days)
        counted = (gap_days > SAME_DAY) & np.isfinite(gap_days)
        added[counted, 5] = np.log(gap_days[counted] + SAME_DAY)
        added[:, 6] = counted
        added[:, 7] = 1.0 / len(rows)
        population.stats[rows] += added

    def review_popular(self, at_seconds: int) -> None:
        """Make the list of popular items anew, once a half day of event time, before anything is asked in it."""
        slot = int(at_seconds / DAY_SECONDS / POPULAR_EVERY_DAYS)
        if slot == self.popular_at_slot:
            return
        self.popular_at_slot = slot
        counts = self.state.stats[: len(self.state.item_ids), 1]
        order = np.argsort(-counts, kind="stable")[:POPULAR_KEPT]
        self.state.popular = order[counts[order] > 0].astype(np.int64)

    def _rebase(self, at_days: float) -> None:
        population = self.state
        if population.reference_at_days == 0.0:
            population.reference_at_days = at_days
        if at_days - population.reference_at_days > REBASE_DAYS:
            population.stats[:, :3] *= population.fading(at_days)
            population.reference_at_days = at_days

    def _rows(self, items: tuple[str, ...], labels: Mapping[str, tuple[str, str]]) -> Integers:
        row_of = self.state.row_of
        return np.array([row_of.get(item) or self._add(item, labels) for item in items], np.int64)

    def _add(self, item: str, labels: Mapping[str, tuple[str, str]]) -> int:
        population = self.state
        row = population.row_of[item] = len(population.item_ids)
        population.item_ids.append(item)
        if row >= len(population.stats):
            population.stats = np.vstack([population.stats, np.zeros_like(population.stats)])
            population.category_codes = np.append(population.category_codes, np.zeros_like(population.category_codes))
            population.type_codes = np.append(population.type_codes, np.zeros_like(population.type_codes))
        category, item_type = labels.get(item, ("", ""))
        population.category_codes[row] = population.categories.add(category)
        population.type_codes[row] = population.types.add(item_type)
        return row


def _days_since_last(before: CustomerRankingState, visit: PastVisit, at_days: float) -> Floats:
    """Days since the customer's last purchase of each item of the visit; infinite for a new one."""
    last = np.full(len(before.items) + 1, -np.inf)
    last[before.line_items] = before.visit_at_seconds[before.line_visits] / DAY_SECONDS
    number = {item: index for index, item in enumerate(before.items)}
    return np.asarray(at_days - last[[number.get(item, -1) for item in visit.items]])
