"""Online learning of what customers want next; the learner process feeds it each basket in (time, event id) order.

Model: libs/ranking/model.py, once for the moment of arrival and once for the till. Label: is the candidate in the customer's next basket;
each basket weighs 1 / size^0.75, because each counts alike when it is judged. Loss: logistic. Prior: decayed personal frequency, then
popularity. Step: one Adagrad step a basket over all its candidates. No chance is involved: the weights are a function of the ordered
baskets, so a restart from stored bytes changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from zlib import compress, decompress

import msgspec
import numpy as np

from libs.ranking.features import Candidates, candidates_of
from libs.ranking.history import Floats, History, summed
from libs.ranking.model import (
    CELLS,
    KNOTS,
    SMOOTH,
    Model,
    cells_of,
    knot_gradient,
    prior_knots,
    refresh,
    score,
    table_of,
)
from libs.ranking.schema import FEATURES
from libs.ranking.state import CustomerRankingState, Moment, MomentKind, PastVisit
from services.profile.domain.population import PopulationLearner

FORMAT_VERSION = 1
# Learning rates were chosen on the first quarter of the built-in data set, and nothing later.
KNOT_RATES: Mapping[MomentKind, float] = {"arrival": 0.07, "till": 0.02}
CELL_RATE = 0.02
FIRST_SQUARES = 0.01
SIZE_EXPONENT = 0.75
VISITS_BEFORE_LEARNING = 3  # with fewer trips there is no habit to learn from
MODEL_NAMES: Mapping[MomentKind, str] = {"arrival": "next-basket-arrival", "till": "next-basket-till"}


@dataclass(slots=True, eq=False)
class NeedsLearner:
    """The weights of one model with their Adagrad sums; `table` is derived from them and always in step."""

    kind: MomentKind
    knots: Floats
    cells: Floats
    knot_squares: Floats
    cell_squares: Floats
    baskets: int
    table: Floats

    @classmethod
    def new(cls, kind: MomentKind) -> "NeedsLearner":
        """A learner that knows the prior alone."""
        knots, cells = prior_knots(), np.zeros(CELLS)
        squares = np.full_like(knots, FIRST_SQUARES), np.full(CELLS, FIRST_SQUARES)
        return cls(kind, knots, cells, *squares, 0, table_of(knots, cells))

    def learn(self, candidates: Candidates, basket: Collection[str]) -> None:
        """One step towards the items of a basket, given what was known of each candidate before it."""
        cells = cells_of(candidates)
        bought = np.array([item in basket for item in candidates.item_ids], float)
        chance = 1.0 / (1.0 + np.exp(-score(self.table, cells)))
        slope = (chance - bought) * float(len(basket)) ** -SIZE_EXPONENT
        gradient = summed(cells.ravel(), np.tile(slope, len(cells)), SMOOTH + CELLS)
        knot_slope = knot_gradient(gradient[:SMOOTH])
        self.knot_squares += knot_slope**2
        self.knots -= KNOT_RATES[self.kind] * knot_slope / np.sqrt(self.knot_squares)
        touched = np.flatnonzero(gradient[SMOOTH:])
        cell_slope = gradient[SMOOTH:][touched]
        self.cell_squares[touched] += cell_slope**2
        self.cells[touched] -= CELL_RATE * cell_slope / np.sqrt(self.cell_squares[touched])
        refresh(self.table, self.knots, self.cells)
        self.baskets += 1

    def model(self, number: int) -> Model:
        """An immutable copy of the weights."""
        return Model(MODEL_NAMES[self.kind], number, self.knots.copy(), self.cells.copy())

    def parts(self) -> list[object]:
        """Plain values for storage."""
        arrays = (self.knots, self.cells, self.knot_squares, self.cell_squares)
        return [self.baskets, *(array.astype("<f8").tobytes() for array in arrays)]

    @classmethod
    def from_parts(cls, kind: MomentKind, parts: Iterable[object]) -> "NeedsLearner":
        """The learner that gave these parts."""
        baskets, *contents = parts
        knots, cells, knot_squares, cell_squares = (np.frombuffer(bytes(content), "<f8").copy() for content in contents)  # type: ignore[call-overload]  # msgpack gives bytes
        shape = (len(FEATURES), KNOTS)
        knots, knot_squares = knots.reshape(shape), knot_squares.reshape(shape)
        return cls(kind, knots, cells, knot_squares, cell_squares, int(str(baskets)), table_of(knots, cells))


class Learner:
    """The one learner of population models: item statistics and the models of both moments."""

    def __init__(
        self,
        kinds: Iterable[MomentKind] = ("arrival", "till"),
        population: PopulationLearner | None = None,
        needs: Mapping[MomentKind, NeedsLearner] | None = None,
    ) -> None:
        self.population = population or PopulationLearner()
        self.needs = dict(needs or {kind: NeedsLearner.new(kind) for kind in kinds})

    def candidates(self, state: CustomerRankingState, moment: Moment) -> Candidates:
        """What may be wanted at a moment, under the live population."""
        return candidates_of(History.of(state, self.population.state), self.population.state, moment)

    def learn(
        self,
        before: CustomerRankingState,
        visit: PastVisit,
        labels: Mapping[str, tuple[str, str]],
        asked: Mapping[MomentKind, Candidates] | None = None,
    ) -> None:
        """Take in one basket, `before` being its customer's state without it and `labels` (category, type) of its items.

        `asked` are candidates already made from the same state and population, so that they need not be made again.
        """
        if not visit.items:
            return
        if before.visits >= VISITS_BEFORE_LEARNING:
            basket, history = frozenset(visit.items), None
            for kind, learner in self.needs.items():
                candidates = (asked or {}).get(kind)
                if candidates is None:
                    history = history or History.of(before, self.population.state)
                    candidates = candidates_of(history, self.population.state, _moment(kind, before, visit))
                learner.learn(candidates, basket)
        self.population.learn(before, visit, labels)
        self.population.review_popular(visit.at_seconds)

    def models(self, number: int) -> dict[MomentKind, Model]:
        """Immutable models to publish under the next number."""
        return {kind: learner.model(number) for kind, learner in self.needs.items()}

    def encode(self) -> bytes:
        """The whole state, compressed; nothing is rounded."""
        needs = {kind: learner.parts() for kind, learner in sorted(self.needs.items())}
        body = [FORMAT_VERSION, needs, self.population.state.encode(), self.population.popular_at_slot]
        return compress(msgspec.msgpack.encode(body), 1)

    @classmethod
    def decode(cls, content: bytes) -> "Learner":
        """The learner whose `encode` gave these bytes; raises ValueError for another format."""
        version, needs, population, slot = msgspec.msgpack.decode(decompress(content))
        if version != FORMAT_VERSION:
            raise ValueError("a learner state of an unknown format")
        return cls(
            population=PopulationLearner.decode(population, slot),
            needs={kind: NeedsLearner.from_parts(kind, parts) for kind, parts in needs.items()},
        )


def _moment(kind: MomentKind, before: CustomerRankingState, visit: PastVisit) -> Moment:
    """When the list that this basket answers was made: now, or at the end of the trip before."""
    if kind == "arrival":
        return Moment(visit.at_seconds, visit.store_id, kind, visit.utc_offset_minutes)
    return last_moment(before)


def last_moment(state: CustomerRankingState) -> Moment:
    """The end of the latest trip: when a voucher for the next one is printed."""
    store = state.stores[int(state.visit_stores[-1])]
    return Moment(int(state.visit_at_seconds[-1]), store, "till", int(state.visit_utc_offset_minutes[-1]))
