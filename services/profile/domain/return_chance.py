"""The chance that a customer comes back within 14 or 30 days: a population model (River), learned from labels that have matured.

After each trip the customer is probed at fixed delays, as long as no new trip has come: an example says what was known at the probe. Its
label is known `horizon` days later, whether the customer came or not; only then is it learned, so nobody who stays away is left out.
What waits for its label hangs on the customer (Waiting); examples are made of it when they are due, and learned in the order of time.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from msgspec import Struct

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.rhythm import TripRhythm
from services.profile.domain.value import Value

FORMAT_VERSION, EARLIER_FORMAT = 2, 1
HORIZONS_DAYS = (14, 30)
PROBES_DAYS = (0, 7, 14, 28, 56, 112)
LEARNING_RATE = 0.02
_HOUR_SECONDS = 3_600
_PROBES = tuple(days * DAY_SECONDS for days in PROBES_DAYS)
_HORIZONS = tuple(days * DAY_SECONDS for days in HORIZONS_DAYS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a customer right after a trip."""

    last_trip_at_seconds: int
    visits: int
    interval_days: float
    weekly_cents: int
    weekly_visits: float
    trend_ratio: float


class Waiting(Struct, array_like=True, gc=False):
    """A trip whose examples are not all learned: what was known right after it, and when the next trip came (0: none yet)."""

    last_trip_at_seconds: int
    visits: int
    interval_days: float
    weekly_cents: int
    weekly_visits: float
    trend_ratio: float
    next_at_seconds: int = 0

    def came_again(self, at_seconds: int) -> None:
        """A trip after this one: the first of them ends the probes."""
        if at_seconds > self.last_trip_at_seconds and not 0 < self.next_at_seconds <= at_seconds:
            self.next_at_seconds = at_seconds

    @property
    def probes_count(self) -> int:
        """How many of the probes come before the next trip."""
        if not self.next_at_seconds:
            return len(_PROBES)
        return bisect_left(_PROBES, self.next_at_seconds - self.last_trip_at_seconds)

    def may_be_due(self, since: int, until: int) -> bool:
        """False only if none of its examples is due from `since` on, before `until`; a probe at the next trip or later is none."""
        ended = self.next_at_seconds or self.last_trip_at_seconds + _PROBES[-1] + 1
        return self.last_trip_at_seconds + _HORIZONS[0] < until and ended + _HORIZONS[-1] > since

    @property
    def waits_until(self) -> int:
        """The last of its examples is not due before, whenever the next trip comes."""
        return self.last_trip_at_seconds + _HORIZONS[-1]

    def last_due_at(self) -> int:
        """When the last of its examples is due, as far as is known now."""
        return self.last_trip_at_seconds + _PROBES[self.probes_count - 1] + _HORIZONS[-1]


class Example(NamedTuple):
    """What is learned once it is due; examples are learned in the order of their first four fields."""

    due_at_seconds: int
    customer: str
    days: int
    probe_at_seconds: int
    waiting: Waiting
    came: bool


def due_examples(customer: str, waiting: Iterable[Waiting], since: int, until: int) -> Iterator[Example]:
    """The examples of a customer that are due from `since` on, before `until`."""
    for one in waiting:
        if not one.may_be_due(since, until):
            continue
        trip_at, count = one.last_trip_at_seconds, one.probes_count
        for days, horizon in zip(HORIZONS_DAYS, _HORIZONS, strict=True):
            begin = bisect_left(_PROBES, since - horizon - trip_at)
            for delay in _PROBES[begin : min(count, bisect_left(_PROBES, until - horizon - trip_at))]:
                due = trip_at + delay + horizon
                yield Example(due, customer, days, trip_at + delay, one, 0 < one.next_at_seconds <= due)


def next_due_at(waiting: Iterable[Waiting], since: int) -> int | None:
    """When the next of these examples is due, from `since` on."""
    found: int | None = None
    for one in waiting:
        trip_at, count = one.last_trip_at_seconds, one.probes_count
        for horizon in _HORIZONS:
            place = bisect_left(_PROBES, since - horizon - trip_at)
            if place < count and (found is None or trip_at + _PROBES[place] + horizon < found):
                found = trip_at + _PROBES[place] + horizon
    return found


def standing_of(rhythm: TripRhythm, value: Value) -> Standing:
    """The standing after the trip that `rhythm` ends with."""
    return Standing(
        last_trip_at_seconds=rhythm.last_at_seconds,
        visits=rhythm.visits,
        interval_days=rhythm.interval_days,
        weekly_cents=value.weekly_cents,
        weekly_visits=value.weekly_visits,
        trend_ratio=value.trend_ratio,
    )


def features_of(standing: Standing | Waiting, at_seconds: int) -> dict[str, float]:
    """What the chance depends on, each on a scale that suits a linear model."""
    since_days = max(at_seconds - standing.last_trip_at_seconds, 0) / DAY_SECONDS
    due = (since_days + 0.5) / (standing.interval_days + 0.5)
    return {
        "log_visits": math.log(standing.visits),
        "log_interval": math.log(standing.interval_days + 0.5),
        "log_since": math.log(since_days + 0.5),
        "overdue": math.log(max(due, 1.0)),
        "log_weekly_cents": math.log1p(max(standing.weekly_cents, 0)),
        "weekly_visits": min(standing.weekly_visits, 7.0),
        "trend": min(standing.trend_ratio, 3.0),
    }


def stretches(examples: Iterable[Example], at_most: int) -> Iterator[Sequence[Example]]:
    """The same in the order in which they are learned, so many at a time. Sorted hour by hour: of millions none takes long to come."""
    by_hour: defaultdict[int, list[Example]] = defaultdict(list)
    for example in examples:
        by_hour[example.due_at_seconds // _HOUR_SECONDS].append(example)
    for _, some in sorted(by_hour.items()):
        some.sort(key=_in_order)
        for first in range(0, len(some), at_most):
            yield some[first : first + at_most]


def _in_order(example: Example) -> tuple[int, str, int, int]:
    return example[:4]


class ReturnChance:
    """Predicts, and learns examples that are handed over in the order of time."""

    def __init__(self) -> None:
        self._models = {days: _new_model() for days in HORIZONS_DAYS}

    def predict(self, standing: Standing, at_seconds: int, days: int) -> float:
        """The chance of a trip within `days` (one of HORIZONS_DAYS) of a time; one half before anything is learned."""
        return float(self._models[days].predict_proba_one(features_of(standing, at_seconds)).get(True, 0.5))

    def learn(self, examples: Iterable[Example]) -> None:
        """Learn what has matured, the earliest first."""
        for example in sorted(examples, key=_in_order):
            features = features_of(example.waiting, example.probe_at_seconds)
            self._models[example.days].learn_one(features, example.came)

    def to_json(self) -> dict[str, Any]:
        """The whole state as a JSON value."""
        return {
            "format": FORMAT_VERSION,
            "models": {str(days): _exported(model) for days, model in self._models.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The learner that gave this value, in this format or the one before; raises ValueError for another format."""
        if value.get("format") not in {FORMAT_VERSION, EARLIER_FORMAT}:
            raise ValueError("a return-chance state of an unknown format")
        learner = cls()
        learner._models = {int(days): _imported(model) for days, model in value["models"].items()}
        return learner


def earlier_waiting(value: Mapping[str, Any]) -> dict[str, list[Waiting]]:
    """What waited in a state of the format before, by customer; there an example held its features, not what they were made of."""
    found: dict[str, dict[int, Waiting]] = {}
    for customer, fields in value["standings"].items():
        found[customer] = {fields["last_trip_at_seconds"]: Waiting(**fields)}
    for _, customer, _, probe_at, features in value["examples"]:
        waiting = _waiting_of(probe_at, features)
        found.setdefault(customer, {}).setdefault(waiting.last_trip_at_seconds, waiting)
    for customer, trips in value["trips"].items():
        for waiting in found.get(customer, {}).values():
            for trip in trips:
                waiting.came_again(trip)
    return {customer: [known[at] for at in sorted(known)] for customer, known in found.items()}


def _waiting_of(probe_at: int, features: Mapping[str, float]) -> Waiting:
    since_days = math.exp(features["log_since"]) - 0.5
    return Waiting(
        last_trip_at_seconds=probe_at - round(since_days * DAY_SECONDS),
        visits=round(math.exp(features["log_visits"])),
        interval_days=math.exp(features["log_interval"]) - 0.5,
        weekly_cents=round(math.expm1(features["log_weekly_cents"])),
        weekly_visits=features["weekly_visits"],
        trend_ratio=features["trend"],
    )


def _new_model() -> Any:
    # Imported here: River brings scipy, four seconds of a core that the roles without this model need not spend.
    from river import compose, linear_model, optim, preprocessing  # noqa: PLC0415

    classifier = linear_model.LogisticRegression(optim.SGD(LEARNING_RATE))
    return compose.Pipeline(("scale", preprocessing.StandardScaler()), ("classify", classifier))


def _exported(model: Any) -> dict[str, Any]:
    scale, classify = model["scale"], model["classify"]
    return {
        "counts": dict(scale.counts),
        "means": dict(scale.means),
        "variances": dict(scale.vars),
        "weights": dict(classify.weights),
        "intercept": classify.intercept,
        "steps": classify.optimizer.n_iterations,
    }


def _imported(value: Mapping[str, Any]) -> Any:
    model = _new_model()
    scale, classify = model["scale"], model["classify"]
    scale.counts.update(value["counts"])
    scale.means.update(value["means"])
    scale.vars.update(value["variances"])
    classify._weights.update(value["weights"])  # noqa: SLF001  # River has no public way to set weights
    classify.intercept = value["intercept"]
    classify.optimizer.n_iterations = value["steps"]
    return model
