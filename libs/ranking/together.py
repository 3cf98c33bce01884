"""Questions of several customers side by side, so that what is worked out of numbers is worked out for all of them at once.

Who teaches a model asks about thousands of customers in a row, and an operation on an array costs more than the few numbers in it. Each
number comes out the same in whatever company its question is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from libs.ranking.history import Floats, History
from libs.ranking.state import Integers, Moment

Number = TypeVar("Number", np.float64, np.int64, np.uint8)


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
class Together:
    """The histories of questions, one after the other.

    A number a question have `visits`, `first_visits`, `trip_gap_days` and the days of the first and the last trip, of who never came
    without beginning. Visits of all are numbered in one, and so are items. Candidates are what the customers bought before, one customer
    after the other, and then the popular items of each. `askers` say whose each visit, each of what was bought, and each candidate is.
    """

    questions: Sequence[Question]
    visits: Integers
    first_visits: Integers
    trip_gap_days: Floats
    first_day: Floats
    last_day: Floats
    days: Floats
    visits_by_item: Integers
    starts: Integers
    line_visits: Integers
    line_items: Integers
    askers: tuple[Integers, ...]

    @classmethod
    def of(cls, questions: Sequence[Question]) -> "Together":
        """At least one; all ask at as many moments."""
        histories = [question.history for question in questions]
        if len(questions) == 1:
            return cls._of(questions, _arrays_of(histories[0]), np.zeros(1, np.int64), ())
        arrays = [np.concatenate(parts) for parts in zip(*map(_arrays_of, histories), strict=True)]
        days, visits_by_item, starts, line_visits, line_items = arrays
        counts = [[question.owned, len(question.rows), question.history.visits] for question in questions]
        owned, candidates, visits = np.array(counts).T
        lines = np.array([len(history.visits_by_item) for history in histories])
        first_visits, of_owned, of_line = _before(visits), _repeated(owned), _repeated(lines)
        moved = (
            days,
            visits_by_item + first_visits.take(of_line),
            starts + _before(lines).take(of_owned),
            line_visits + first_visits.take(of_line),
            line_items + _before(owned).take(of_line),
        )
        of_candidate = np.concatenate((of_owned, _repeated(candidates - owned)))
        return cls._of(questions, moved, first_visits, (_repeated(visits), of_owned, of_candidate))

    @classmethod
    def _of(
        cls,
        questions: Sequence[Question],
        arrays: tuple[Floats, Integers, Integers, Integers, Integers],
        first_visits: Integers,
        askers: tuple[Integers, ...],
    ) -> "Together":
        days, visits_by_item, starts, line_visits, line_items = arrays
        histories = [question.history for question in questions]
        return cls(
            questions=questions,
            visits=np.array([history.visits for history in histories]),
            first_visits=first_visits,
            trip_gap_days=np.array([history.trip_gap_days for history in histories]),
            first_day=np.array([history.days[0] if history.visits else -np.inf for history in histories]),
            last_day=np.array([history.days[-1] if history.visits else -np.inf for history in histories]),
            days=days,
            visits_by_item=visits_by_item,
            starts=starts,
            line_visits=line_visits,
            line_items=line_items,
            askers=askers,
        )

    @property
    def bought(self) -> int:
        """How many of the candidates were bought before."""
        return len(self.starts)

    def each(self, part: Callable[[History], npt.NDArray[Number]]) -> npt.NDArray[Number]:
        """A part of all histories, one after the other."""
        return joined([part(question.history) for question in self.questions])

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
        if len(self.questions) == 1:
            return np.asarray(weights.sum(axis=-1, keepdims=True))
        sums, known = np.zeros((*weights.shape[:-1], len(self.visits))), self.visits > 0
        sums[..., known] = np.add.reduceat(weights, self.first_visits[known], axis=-1)
        return sums

    def gaps(self) -> Floats:
        """Days before each trip since the one before; a usual time where there was none."""
        gaps, known = np.empty(len(self.days)), self.visits > 0
        np.subtract(self.days[1:], self.days[:-1], out=gaps[1:])
        gaps[self.first_visits[known]] = self.trip_gap_days[known]
        return gaps

    def split(self, values: npt.NDArray[Number]) -> Sequence[npt.NDArray[Number]]:
        """Of values (... x candidates), those of each question."""
        if len(self.questions) == 1:
            return [values]
        end, popular_end, parts = 0, self.bought, []
        for question in self.questions:
            begin, end = end, end + question.owned
            popular, popular_end = popular_end, popular_end + len(question.rows) - question.owned
            parts.append(np.concatenate((values[..., begin:end], values[..., popular:popular_end]), axis=-1))
        return parts

    def _spread(self, values: npt.NDArray[Number], place: int) -> npt.NDArray[Number]:
        return values if len(self.questions) == 1 else values.take(self.askers[place], axis=-1)


def joined(parts: Sequence[npt.NDArray[Number]]) -> npt.NDArray[Number]:
    """One after the other."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _arrays_of(history: History) -> tuple[Floats, Integers, Integers, Integers, Integers]:
    trips = history.trips
    return history.days, history.visits_by_item, history.starts, trips.line_visits, trips.line_items


def _before(counts: Integers) -> Integers:
    """How many there are before each."""
    return np.cumsum(counts) - counts


def _repeated(counts: Integers) -> Integers:
    """The number of each count, as often as it says."""
    return np.repeat(np.arange(len(counts)), counts)
