"""Asking a model what a customer will want next: profile answers its API with it, offers its checkouts with the basket in hand."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from libs.ranking.crowd import Crowd
from libs.ranking.features import Candidates, asked_together, question_of
from libs.ranking.history import Floats, History, trips_between
from libs.ranking.model import Model, cells_of, lifts, parts_of, score, table_of
from libs.ranking.population import PopulationState
from libs.ranking.ranked import Ranked, Reason, WhyOfOne, explaining, ranked_each, top
from libs.ranking.sketched import AGAIN_WITHIN_TRIPS, OfOne, candidates_by_sketch
from libs.ranking.state import CustomerRankingState, Moment
from libs.ranking.together import Question
from libs.ranking.trips_in_hand import PosedBySketch

EXPLAINED_TOGETHER = 10
Allowed: TypeAlias = npt.NDArray[np.bool_]


class _Explained:
    """The reasons of some of the candidates, once somebody asked for those of one of them."""

    __slots__ = ("_chosen", "_known", "_parts")

    def __init__(self, parts: Floats, chosen: list[int]) -> None:
        self._parts = parts
        self._chosen = chosen
        self._known: Sequence[tuple[Reason, ...]] | None = None

    def of(self, place: int) -> tuple[Reason, ...]:
        """Those of the candidate at this place."""
        if self._known is None:
            self._known = [top(lift) for lift in lifts(self._parts, self._chosen)]
        return self._known[place]


class Drivers(Sequence[Reason]):
    """The reasons of one of several needs, worked out when somebody looks: few needs of a long list are ever explained."""

    __slots__ = ("_of_all", "_place")

    def __init__(self, of_all: _Explained, place: int) -> None:
        self._of_all = of_all
        self._place = place

    @overload
    def __getitem__(self, index: int) -> Reason: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reason]: ...
    def __getitem__(self, index: int | slice) -> Reason | Sequence[Reason]:
        return self._of_all.of(self._place)[index]

    def __len__(self) -> int:
        return len(self._of_all.of(self._place))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


@dataclass(frozen=True, slots=True)
class Need:
    """One item that the customer may want next; `score` is comparable within one answer, `reasons` are its top drivers."""

    item_id: str
    score: float
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Posed:
    """Who asks, when and where, with what in hand; see Ranker."""

    state: CustomerRankingState
    moment: Moment
    basket_in_hand: Collection[str] = ()


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

    def rank_together(self, posed: Sequence[Posed], population: PopulationState, k: int) -> list[list[Need]]:
        """The same for several at once, at least one, in less time: each gets the answer that it would get alone."""

    def rank_by_sketch(self, posed: Sequence[PosedBySketch], crowd: Crowd, k: int) -> list[Ranked]:
        """The same of the candidates that their sketches can name, in much less time."""


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
        return self.rank_together([Posed(state, moment, basket_in_hand)], population, k)[0]

    def rank_together(self, posed: Sequence[Posed], population: PopulationState, k: int) -> list[list[Need]]:
        """As Ranker promises."""
        return [self._needs(candidates, allowed, k) for candidates, allowed in _candidates(posed, population)]

    def rank_by_sketch(self, posed: Sequence[PosedBySketch], crowd: Crowd, k: int) -> list[Ranked]:
        """As Ranker promises."""
        found = candidates_by_sketch(posed, crowd)
        scores = self._scores(found.faded_120, found.popularity, found.owned)
        return ranked_each(found, scores, k, _by_habit)

    @staticmethod
    def _scores(faded_120: Floats, popularity: Floats, owned: int) -> Floats:
        tail = popularity / (1e6 + popularity)
        return np.asarray(faded_120 + np.where(np.arange(len(tail)) < owned, 0.0, tail))

    @staticmethod
    def _needs(candidates: Candidates, allowed: Allowed, k: int) -> list[Need]:
        scores = PriorRanker._scores(candidates.faded_120, candidates.popularity, candidates.owned)
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
        return self.rank_together([Posed(state, moment, basket_in_hand)], population, k)[0]

    def rank_together(self, posed: Sequence[Posed], population: PopulationState, k: int) -> list[list[Need]]:
        """As Ranker promises."""
        return [needs_of(self.table, candidates, allowed, k) for candidates, allowed in _candidates(posed, population)]

    def rank_by_sketch(self, posed: Sequence[PosedBySketch], crowd: Crowd, k: int) -> list[Ranked]:
        """As Ranker promises."""
        found = candidates_by_sketch(posed, crowd)
        parts = parts_of(self.table, cells_of(found))
        return ranked_each(found, score(parts), k, partial(explaining, parts))


def needs_of(table: Floats, candidates: Candidates, allowed: Allowed, k: int) -> list[Need]:
    """The k best of the allowed candidates under the weights in `table`, with reasons."""
    parts = parts_of(table, cells_of(candidates))
    scores = score(parts)
    best = _best(scores, allowed, k)
    names, found = candidates.item_ids, scores.take(best).tolist()
    needs: list[Need] = []
    for start in range(0, len(best), EXPLAINED_TOGETHER):
        portion = best[start : start + EXPLAINED_TOGETHER]
        of_all = _Explained(parts, portion)
        needs += [Need(names[i], found[start + place], Drivers(of_all, place)) for place, i in enumerate(portion)]
    return needs


def all_allowed(candidates: Candidates) -> Allowed:
    """Nothing is in hand: every candidate may be named."""
    return np.ones(len(candidates.item_ids), bool)


def _candidates(posed: Sequence[Posed], population: PopulationState) -> Iterator[tuple[Candidates, Allowed]]:
    known: list[tuple[CustomerRankingState, History]] = []
    questions: list[Question] = []
    for one in posed:
        state, moment = one.state, one.moment
        if one.basket_in_hand:
            moment = replace(moment, kind="till")
            state = state.with_visit(moment, one.basket_in_hand, population.labels_of(one.basket_in_hand))
        history = History.of(state, population)
        known.append((state, history))
        questions.append(question_of(history, population, [moment]))
    together = asked_together(questions, population)
    for one, (state, history), asked in zip(posed, known, together, strict=True):
        candidates = Candidates.of(asked, population, state.items)
        allowed = all_allowed(candidates)
        if one.basket_in_hand:
            allowed[: candidates.owned] = _not_in_hand(history)
        yield candidates, allowed


def _not_in_hand(history: History) -> Allowed:
    """Of what was bought: all but what the last trip brought, unless it is bought at least every other trip."""
    trips, items = history.trips, len(history.rows)
    bought_at, bought = trips.line_visits, trips.line_items
    first, last = np.zeros(items, np.int64), np.zeros(items, np.int64)
    first[bought[::-1]], last[bought] = bought_at[::-1], bought_at  # of several the one that is written last
    counts = np.bincount(bought, minlength=items)
    return np.asarray((last != history.visits - 1) | (trips_between(first, last, counts) <= AGAIN_WITHIN_TRIPS))


def _best(scores: Floats, allowed: Allowed, k: int) -> list[int]:
    """The numbers of the k greatest scores; of equals the earlier candidate."""
    order = np.argsort(np.where(allowed, -scores, np.inf), kind="stable")
    best: list[int] = order[: min(k, int(allowed.sum()))].tolist()
    return best


def _by_habit(one: OfOne) -> WhyOfOne:
    bought = len(one.sketch.items)
    return lambda place: ("habit",) if place < bought else ("popularity",)
