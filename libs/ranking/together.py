"""Questions of several customers side by side, so that what is worked out of numbers is worked out for all of them at once.

Who teaches a model asks about thousands of customers in a row, and an operation on an array costs more than the few numbers in it. Each
number comes out the same in whatever company its question is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from libs.ranking.history import Floats, Habits, History, Trips, trip_gap_days, usual_size
from libs.ranking.population import Booleans
from libs.ranking.state import DAY_SECONDS, Integers, Moment

Number = TypeVar("Number", np.float64, np.int64, np.uint8, np.bool_)


@dataclass(frozen=True, slots=True)
class Question:
    """One customer at some moments: the candidates by row, those bought before first, and the population's statistics of them then."""

    history: History
    moments: Sequence[Moment]
    rows: Integers
    stats: Floats
    reference_at_days: float

    @property
    def owned(self) -> int:
        """How many candidates were bought before."""
        return len(self.history.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When and where questions are asked, (moments x questions); stores by their number in each customer's history, -1 if not there."""

    at_days: Floats
    offset_days: Floats
    at_till: Booleans
    stores: Integers

    @classmethod
    def of(cls, asked: Sequence[tuple[Sequence[Moment], Sequence[str]]]) -> "Moments":
        """The moments of each question, and the names of the stores of its customer."""
        moments = [row for row, _ in asked]
        return cls(
            at_days=np.array([[moment.at_seconds / DAY_SECONDS for moment in row] for row in moments]).T,
            offset_days=np.array([[moment.utc_offset_minutes / 1440 for moment in row] for row in moments]).T,
            at_till=np.array([[moment.kind == "till" for moment in row] for row in moments]).T,
            stores=np.array([[_place(moment.store_id, stores) for moment in row] for row, stores in asked]).T,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """The histories of questions, one after the other.

    A number a question have `owned` and `candidates`, `visits`, `first_visits`, `usual_size`, `trip_gap_days` and the days of the first
    and the last trip, of who never came without beginning. Visits of all are numbered in one, and so are items. Candidates are what the
    customers bought before, one customer after the other, and then the popular items of each. `askers` say whose each visit, each of
    what was bought, and each candidate is; of one question there are none.
    """

    moments: Moments
    owned: Integers
    candidates: Integers
    trips: Trips
    habits: Habits
    visits: Integers
    first_visits: Integers
    usual_size: Floats
    trip_gap_days: Floats
    first_day: Floats
    last_day: Floats
    askers: tuple[Integers, ...]

    @classmethod
    def of(cls, questions: Sequence[Question]) -> "Together":
        """At least one; all ask at as many moments."""
        counts = [[question.owned, len(question.rows), question.history.visits] for question in questions]
        owned, candidates, visits = np.array(counts).T
        first_visits = before(visits)
        trips = questions[0].history.trips
        if len(questions) > 1:
            trips = _joined_trips([question.history.trips for question in questions], first_visits, before(owned))
        habits = Habits.of(trips, int(owned.sum()))
        days, ends = habits.days, (first_visits + visits).tolist()
        each = [slice(end - question.history.visits, end) for question, end in zip(questions, ends, strict=True)]
        return cls(
            moments=Moments.of([(question.moments, question.history.store_names) for question in questions]),
            owned=owned,
            candidates=candidates,
            trips=trips,
            habits=habits,
            visits=visits,
            first_visits=first_visits,
            usual_size=np.array([usual_size(trips.sizes[mine]) for mine in each]),
            trip_gap_days=np.array([trip_gap_days(days[mine]) for mine in each]),
            first_day=np.array([days[mine.start] if mine.start < mine.stop else -np.inf for mine in each]),
            last_day=np.array([days[mine.stop - 1] if mine.start < mine.stop else -np.inf for mine in each]),
            askers=askers_of(visits, owned, candidates),
        )

    @property
    def bought(self) -> int:
        """How many candidates were bought before, by all."""
        return len(self.habits.counts)

    def by_visit(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """What (... x questions) says of each visit; of one question it is left to be broadcast."""
        return self._spread(values, 0)

    def by_bought(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The same of each candidate that was bought before."""
        return self._spread(values, 1)

    def by_candidate(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """The same of each candidate."""
        return self._spread(values, 2)

    def over_trips(self, weights: Floats) -> Floats:
        """The sums of (... x visits) over each customer's trips, (... x questions)."""
        if not self.askers:
            return np.asarray(weights.sum(axis=-1, keepdims=True))
        sums, known = np.zeros((*weights.shape[:-1], len(self.visits))), self.visits > 0
        sums[..., known] = np.add.reduceat(weights, self.first_visits[known], axis=-1)
        return sums

    def gaps(self) -> Floats:
        """Days before each trip since the one before; a usual time where there was none."""
        gaps, known = np.empty(len(self.habits.days)), self.visits > 0
        np.subtract(self.habits.days[1:], self.habits.days[:-1], out=gaps[1:])
        gaps[self.first_visits[known]] = self.trip_gap_days[known]
        return gaps

    def split(self, values: npt.NDArray[Number]) -> Sequence[npt.NDArray[Number]]:
        """Of values (... x candidates), those of each question."""
        if not self.askers:
            return [values]
        end, popular_end, parts = 0, self.bought, []
        for owned, candidates in zip(self.owned.tolist(), self.candidates.tolist(), strict=True):
            begin, end = end, end + owned
            popular, popular_end = popular_end, popular_end + candidates - owned
            parts.append(np.concatenate((values[..., begin:end], values[..., popular:popular_end]), axis=-1))
        return parts

    def _spread(self, values: npt.NDArray[Number], place: int) -> npt.NDArray[Number]:
        return values if not self.askers else values.take(self.askers[place], axis=-1)


def joined(parts: Sequence[npt.NDArray[Number]]) -> npt.NDArray[Number]:
    """One after the other."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _joined_trips(parts: Sequence[Trips], first_visits: Integers, first_items: Integers) -> Trips:
    """The trips of several customers as if they were one's; their visits and items begin at these numbers."""
    lines = np.array([len(trips.line_items) for trips in parts])
    return Trips(
        at_seconds=np.concatenate([trips.at_seconds for trips in parts]),
        utc_offset_minutes=np.concatenate([trips.utc_offset_minutes for trips in parts]),
        stores=np.concatenate([trips.stores for trips in parts]),
        sizes=np.concatenate([trips.sizes for trips in parts]),
        line_visits=np.concatenate([trips.line_visits for trips in parts]) + np.repeat(first_visits, lines),
        line_items=np.concatenate([trips.line_items for trips in parts]) + np.repeat(first_items, lines),
    )


def askers_of(visits: Integers, owned: Integers, candidates: Integers) -> tuple[Integers, ...]:
    """See Together."""
    if len(visits) == 1:
        return ()
    of_owned = _repeated(owned)
    return _repeated(visits), of_owned, np.concatenate((of_owned, _repeated(candidates - owned)))


def before(counts: Integers) -> Integers:
    """How many there are before each."""
    return np.cumsum(counts) - counts


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else -1


def _repeated(counts: Integers) -> Integers:
    """The number of each count, as often as it says."""
    return np.repeat(np.arange(len(counts)), counts)
