"""The chance that a customer comes back within 14 or 30 days: a population model (River), learned from labels that have matured.

After each trip the customer is probed at fixed delays, as long as no new trip has come: an example says what was known at the probe. Its
label is known `horizon` days later, whether the customer came or not; only then is it learned, so nobody who stays away is left out.
One learner feeds trips and time in order; the state is plain JSON.
"""

import heapq
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.rhythm import TripRhythm
from services.profile.domain.value import Value

FORMAT_VERSION = 1
HORIZONS_DAYS = (14, 30)
PROBES_DAYS = (0, 7, 14, 28, 56, 112)
LEARNING_RATE = 0.02


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a customer right after a trip."""

    last_trip_at_seconds: int
    visits: int
    interval_days: float
    weekly_cents: int
    weekly_visits: float
    trend_ratio: float


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


def features_of(standing: Standing, at_seconds: int) -> dict[str, float]:
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


class ReturnChance:
    """Predicts and learns; `visited` and `advance` are called in the order of time. Order of customers in one second does not matter."""

    def __init__(self) -> None:
        self._models = {days: _new_model() for days in HORIZONS_DAYS}
        self._standings: dict[str, Standing] = {}
        self._trips: dict[str, list[int]] = {}  # recent ones, as far back as labels ask
        self._probes: list[tuple[int, str, int, int]] = []  # heap: when, customer, trip, number of the probe
        self._examples: list[
            tuple[int, str, int, int, dict[str, float]]
        ] = []  # heap: when, customer, horizon, probe at

    def predict(self, standing: Standing, at_seconds: int, days: int) -> float:
        """The chance of a trip within `days` (one of HORIZONS_DAYS) of a time; one half before anything is learned."""
        return float(self._models[days].predict_proba_one(features_of(standing, at_seconds)).get(True, 0.5))

    def visited(self, customer: str, standing: Standing) -> None:
        """A trip has just been made; `standing` includes it."""
        at = standing.last_trip_at_seconds
        self.advance(at)
        remembered = at - (max(HORIZONS_DAYS) + 1) * DAY_SECONDS
        self._trips[customer] = [trip for trip in self._trips.get(customer, []) if trip > remembered] + [at]
        again = self._standings.get(customer)
        self._standings[customer] = standing
        if again is None or again.last_trip_at_seconds != at:  # else the probes of this second are there already
            heapq.heappush(self._probes, (at + PROBES_DAYS[0] * DAY_SECONDS, customer, at, 0))

    def advance(self, at_seconds: int) -> None:
        """Learn all that has matured before a time."""
        while self._probes and self._probes[0][0] < at_seconds:
            self._probe(*heapq.heappop(self._probes))
        while self._examples and self._examples[0][0] < at_seconds:
            _, customer, days, probe_at, features = heapq.heappop(self._examples)
            until = probe_at + days * DAY_SECONDS
            came = any(probe_at < trip <= until for trip in self._trips.get(customer, []))
            self._models[days].learn_one(features, came)

    def forget(self, customer: str) -> None:
        """Drop all that is remembered of a customer; what the weights have learned of everybody stays."""
        self._standings.pop(customer, None)
        self._trips.pop(customer, None)
        self._probes = [probe for probe in self._probes if probe[1] != customer]
        self._examples = [example for example in self._examples if example[1] != customer]
        heapq.heapify(self._probes)
        heapq.heapify(self._examples)

    def _probe(self, at: int, customer: str, trip: int, number: int) -> None:
        standing = self._standings.get(customer)
        if standing is None or standing.last_trip_at_seconds != trip:
            return  # a new trip came first and has probes of its own
        features = features_of(standing, at)
        for days in HORIZONS_DAYS:
            heapq.heappush(self._examples, (at + days * DAY_SECONDS, customer, days, at, features))
        if number + 1 < len(PROBES_DAYS):
            heapq.heappush(self._probes, (trip + PROBES_DAYS[number + 1] * DAY_SECONDS, customer, trip, number + 1))

    def to_json(self) -> dict[str, Any]:
        """The whole state as a JSON value."""
        return {
            "format": FORMAT_VERSION,
            "models": {str(days): _exported(model) for days, model in self._models.items()},
            "standings": {customer: asdict(standing) for customer, standing in sorted(self._standings.items())},
            "trips": dict(sorted(self._trips.items())),
            "probes": sorted(self._probes),
            "examples": sorted(self._examples, key=_example_key),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The learner that gave this value; raises ValueError for another format."""
        if value.get("format") != FORMAT_VERSION:
            raise ValueError("a return-chance state of an unknown format")
        learner = cls()
        learner._models = {int(days): _imported(model) for days, model in value["models"].items()}
        learner._standings = {customer: Standing(**fields) for customer, fields in value["standings"].items()}
        learner._trips = {customer: list(trips) for customer, trips in value["trips"].items()}
        learner._probes = [(when, customer, trip, number) for when, customer, trip, number in value["probes"]]
        learner._examples = [(when, who, days, at, dict(known)) for when, who, days, at, known in value["examples"]]
        return learner  # sorted lists are heaps


def without(value: Mapping[str, Any], customers: Collection[str]) -> tuple[dict[str, Any], int]:
    """A state as `to_json` gives it with nothing of these customers in it, and how many entries went.

    What the weights have learned of everybody stays. Works on the value, so that who only forgets need not load River.
    """
    kept = {
        **value,
        "standings": {name: known for name, known in value["standings"].items() if name not in customers},
        "trips": {name: trips for name, trips in value["trips"].items() if name not in customers},
        "probes": [probe for probe in value["probes"] if probe[1] not in customers],
        "examples": [example for example in value["examples"] if example[1] not in customers],
    }
    return kept, sum(len(value[part]) - len(kept[part]) for part in ("standings", "trips", "probes", "examples"))


def _example_key(example: tuple[int, str, int, int, dict[str, float]]) -> tuple[int, str, int, int]:
    return example[:4]


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
