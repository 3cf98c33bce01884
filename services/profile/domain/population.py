"""Learning what is known of items across all customers: popularity, repeat rate, pooled intervals; the learner feeds it each basket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libs.ranking.history import SAME_DAY
from libs.ranking.population import COLUMNS, FADING_DAYS, PopulationState, greatest
from libs.ranking.state import DAY_SECONDS, Integers, PastVisit
from services.profile.domain.facet import VisitKey

NEVER_SECONDS = -(1 << 62)
"""When an item that is new to a customer was bought last."""
REBASE_DAYS = 30.0  # the forward-faded counts are brought to a new reference before they grow too large
POPULAR_KEPT = 600
POPULAR_EVERY_DAYS = 0.5
_UNLABELLED = ("", "")


@dataclass(frozen=True, slots=True)
class Basket:
    """A trip as the learner takes it in; `goods` are rows in the population, codes of categories, and of types, (3 x items)."""

    key: VisitKey
    visit: PastVisit
    goods: Integers

    @property
    def rows(self) -> Integers:
        """The items' rows in the population."""
        rows: Integers = self.goods[0]
        return rows


class PopulationLearner:
    """Learns from baskets in (time, event id) order; `state` is live: read it, or `state.encode()` it for a snapshot."""

    def __init__(self, state: PopulationState | None = None, popular_at_slot: int = -1) -> None:
        self.state = state or PopulationState()
        self.popular_at_slot = popular_at_slot  # half-day number when the list of popular items was last made

    @classmethod
    def decode(cls, content: bytes, popular_at_slot: int) -> "PopulationLearner":
        """A learner that goes on from `state.encode()` and the slot of its popular list."""
        return cls(PopulationState.decode(content), popular_at_slot)

    def rows(self, items: Sequence[str], labels: Mapping[str, tuple[str, str]]) -> Integers:
        """The rows of items; who is new gets one, with these labels."""
        return np.array(self._rows(items, labels), np.int64)

    def basket(self, key: VisitKey, visit: PastVisit, labels: Mapping[str, tuple[str, str]]) -> Basket:
        """A trip in rows and codes; `labels` are (category, type) of its items."""
        named = [labels.get(item, _UNLABELLED) for item in visit.items]
        rows = self._rows(visit.items, labels)
        categories = self.state.categories.met([category for category, _ in named])
        types = self.state.types.met([item_type for _, item_type in named])
        return Basket(key, visit, np.array([rows, categories, types], np.int64))

    def learn(self, rows: Integers, at_seconds: int, last_at_seconds: Integers) -> None:
        """Take in one basket of these distinct items, which its customer bought last then (NEVER_SECONDS for a new one)."""
        population = self.state
        at_days = at_seconds / DAY_SECONDS
        self._rebase(at_days)
        again = last_at_seconds != NEVER_SECONDS
        gap_days = np.where(again, (at_seconds - last_at_seconds) / DAY_SECONDS, 0.0)
        counted = gap_days > SAME_DAY
        added = np.empty((len(rows), COLUMNS))
        added[:, :3] = np.exp((at_days - population.reference_at_days) / FADING_DAYS)
        added[:, 3] = 1.0
        added[:, 4] = ~again
        added[:, 5] = np.log(np.where(counted, gap_days + SAME_DAY, 1.0))
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
        order = greatest(counts, POPULAR_KEPT)
        self.state.popular = order[counts[order] > 0]

    def _rebase(self, at_days: float) -> None:
        population = self.state
        if population.reference_at_days == 0.0:
            population.reference_at_days = at_days
        if at_days - population.reference_at_days > REBASE_DAYS:
            population.stats[:, :3] *= population.fading(at_days)
            population.reference_at_days = at_days

    def _rows(self, items: Sequence[str], labels: Mapping[str, tuple[str, str]]) -> list[int]:
        row_of = self.state.row_of
        return [row_of.get(item) or self._add(item, labels) for item in items]

    def _add(self, item: str, labels: Mapping[str, tuple[str, str]]) -> int:
        population = self.state
        row = population.row_of[item] = len(population.item_ids)
        population.item_ids.append(item)
        if row >= len(population.stats):
            population.stats = np.vstack([population.stats, np.zeros_like(population.stats)])
            population.category_codes = np.append(population.category_codes, np.zeros_like(population.category_codes))
            population.type_codes = np.append(population.type_codes, np.zeros_like(population.type_codes))
        category, item_type = labels.get(item, _UNLABELLED)
        population.category_codes[row] = population.categories.add(category)
        population.type_codes[row] = population.types.add(item_type)
        return row
