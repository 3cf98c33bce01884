"""Asking a model what a customer will want next: profile answers its API with it, offers its checkouts with the basket in hand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from libs.ranking.features import Candidates, candidates_of
from libs.ranking.history import Floats, Habits, History
from libs.ranking.model import Model, cells_of, lifts, score, table_of
from libs.ranking.population import PopulationState
from libs.ranking.schema import Group
from libs.ranking.state import CustomerRankingState, Moment

REASONS = 3
AGAIN_WITHIN_TRIPS = 2.0  # an item in hand may be named again when it is bought at least every other trip

Reason: TypeAlias = Group
Allowed: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Need:
    """One item that the customer may want next; `score` is comparable within one answer, `reasons` are its top drivers."""

    item_id: str
    score: float
    reasons: tuple[Reason, ...]


class Ranker(Protocol):
    """Orders what a customer may want; pure: the same arguments give the same answer."""

    @property
    def model_id(self) -> str:
        """What made the answer: name, number and digest."""

    def rank(
        self,
        state: CustomerRankingState,
        population: PopulationState,
        moment: Moment,
        k: int,
        basket_in_hand: Collection[str] = (),
    ) -> list[Need]:
        """The k strongest needs, best first. Items in hand are left out unless their rhythm says they are needed by the next trip."""


@dataclass(frozen=True, slots=True)
class PriorRanker:
    """Decayed personal frequency (120 days), then what is popular (14 days): the baseline, and the answer while no model is known."""

    model_id: str = "prior-1"

    def rank(
        self,
        state: CustomerRankingState,
        population: PopulationState,
        moment: Moment,
        k: int,
        basket_in_hand: Collection[str] = (),
    ) -> list[Need]:
        """As Ranker promises; `score` is the decayed count, popular items below all others."""
        candidates, allowed = _question(state, population, moment, basket_in_hand)
        tail = candidates.popularity / (1e6 + candidates.popularity)
        scores = candidates.faded_120 + np.where(np.arange(len(tail)) < candidates.owned, 0.0, tail)
        best = _best(scores, allowed, k)
        reasons: list[tuple[Reason, ...]] = [("habit",) if i < candidates.owned else ("popularity",) for i in best]
        return [Need(candidates.item_ids[i], float(scores[i]), why) for i, why in zip(best, reasons, strict=True)]


@dataclass(frozen=True, slots=True)
class LearnedRanker:
    """Scores with a learned model."""

    model: Model
    table: Floats = field(repr=False)
    model_id: str

    @classmethod
    def of(cls, model: Model) -> "LearnedRanker":
        """A ranker for many questions to one model."""
        return cls(model, table_of(model.knots, model.cells), model.id)

    def rank(
        self,
        state: CustomerRankingState,
        population: PopulationState,
        moment: Moment,
        k: int,
        basket_in_hand: Collection[str] = (),
    ) -> list[Need]:
        """As Ranker promises; `score` is the log-odds, reasons are the groups of features that lift it above the other candidates."""
        candidates, allowed = _question(state, population, moment, basket_in_hand)
        return needs_of(self.table, candidates, allowed, k)


def needs_of(table: Floats, candidates: Candidates, allowed: Allowed, k: int) -> list[Need]:
    """The k best of the allowed candidates under the weights in `table`, with reasons."""
    cells = cells_of(candidates)
    scores = score(table, cells)
    best = _best(scores, allowed, k)
    drivers = [_top(lift) for lift in lifts(table, cells, best)]
    return [Need(candidates.item_ids[i], float(scores[i]), why) for i, why in zip(best, drivers, strict=True)]


def all_allowed(candidates: Candidates) -> Allowed:
    """Nothing is in hand: every candidate may be named."""
    return np.ones(len(candidates.item_ids), bool)


def _question(
    state: CustomerRankingState, population: PopulationState, moment: Moment, basket_in_hand: Collection[str]
) -> tuple[Candidates, Allowed]:
    if basket_in_hand:
        moment = replace(moment, kind="till")
        state = state.with_visit(moment, basket_in_hand, population.labels_of(basket_in_hand))
    history = History.of(state, population)
    candidates = candidates_of(history, population, moment, state.items)
    allowed = all_allowed(candidates)
    if basket_in_hand:
        habits = Habits.of(history.trips, len(history.rows))
        in_hand = habits.last_visit == state.visits - 1
        allowed[: candidates.owned] = ~in_hand | (habits.trips_between() <= AGAIN_WITHIN_TRIPS)
    return candidates, allowed


def _best(scores: Floats, allowed: Allowed, k: int) -> list[int]:
    """The numbers of the k greatest scores; of equals the earlier candidate."""
    order = np.argsort(np.where(allowed, -scores, np.inf), kind="stable")
    return [int(number) for number in order[: min(k, int(allowed.sum()))]]


def _top(lift_of: Mapping[Group, float]) -> tuple[Reason, ...]:
    ranked = sorted(lift_of.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(group for group, lift in ranked[:REASONS] if lift > 0)
