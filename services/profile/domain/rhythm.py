"""Personal intervals and due-ness, of trips and of items; views and segments read them, rankers make their own features of the same history."""

from dataclasses import dataclass

import numpy as np

from libs.ranking.history import SAME_DAY, Habits, History, trip_gap_days
from libs.ranking.population import PopulationState
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Integers

BASKETS_FOR_A_RHYTHM = 2


@dataclass(frozen=True, slots=True)
class ItemRhythm:
    """How regularly an item is bought: `interval_days` leans on the pooled interval while own gaps are few, `irregularity` is 0 for a clockwork."""

    item_id: str
    baskets: int
    interval_days: float
    irregularity: float
    last_at_seconds: int
    due_ratio: float  # 1 when as much time has passed as usually does

    @property
    def due_at_seconds(self) -> int:
        """When the next purchase is expected."""
        return self.last_at_seconds + round(self.interval_days * DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class TripRhythm:
    """How regularly the customer comes."""

    visits: int
    interval_days: float
    last_at_seconds: int
    due_ratio: float


def item_rhythms(state: CustomerRankingState, population: PopulationState, at_seconds: int) -> list[ItemRhythm]:
    """The rhythm of every item bought at least twice, the most overdue first (of equals by id)."""
    history = History.of(state, population)
    habits = Habits.of(history.trips, len(history.rows))
    rhythm, last = habits.rhythm, habits.last_visit
    interval = np.exp(habits.log_interval_days(population.log_gap(history.rows)))
    since = at_seconds / DAY_SECONDS - habits.days[last]
    weight = np.maximum(rhythm.weight, 1e-9)
    spread = np.sqrt(np.maximum(rhythm.log_square_sum / weight - (rhythm.log_sum / weight) ** 2, 0.0))
    found = [
        ItemRhythm(
            item_id=item,
            baskets=int(habits.counts[number]),
            interval_days=float(interval[number]),
            irregularity=float(spread[number]),
            last_at_seconds=int(state.visit_at_seconds[last[number]]),
            due_ratio=float((since[number] + SAME_DAY) / interval[number]),
        )
        for number, item in enumerate(state.items)
        if habits.counts[number] >= BASKETS_FOR_A_RHYTHM
    ]
    return sorted(found, key=lambda one: (-one.due_ratio, one.item_id))


def trip_rhythm(state: CustomerRankingState, at_seconds: int) -> TripRhythm | None:
    """The rhythm of the customer's trips; None before the first one."""
    return rhythm_of_trips(state.visit_at_seconds, at_seconds)


def rhythm_of_trips(visit_at_seconds: Integers, at_seconds: int) -> TripRhythm | None:
    """The same, of the times of the trips in ascending order."""
    if not len(visit_at_seconds):
        return None
    last = int(visit_at_seconds[-1])
    since_days = max(at_seconds - last, 0) / DAY_SECONDS
    interval = trip_gap_days(visit_at_seconds / DAY_SECONDS)
    return TripRhythm(len(visit_at_seconds), interval, last, (since_days + SAME_DAY) / (interval + SAME_DAY))
