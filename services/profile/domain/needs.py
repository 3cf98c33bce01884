"""Online learning of what customers want next; the learner process feeds it each basket in (time, event id) order.

Model: libs/ranking/model.py, once for the moment of arrival and once for the till. Label: is the candidate in the customer's next basket;
each basket weighs 1 / size^0.75, because each counts alike when it is judged. Loss: logistic. Prior: decayed personal frequency, then
popularity. Step: one Adagrad step a basket over all its candidates. No chance is involved: the weights are a function of the ordered
baskets, so a restart from stored bytes changes nothing.
"""

from collections.abc import Mapping, Sequence
from zlib import decompress

import msgspec
import numpy as np

from libs.ranking.features import Asked, asked_at, asked_together, question_of
from libs.ranking.history import History
from libs.ranking.model import Model
from libs.ranking.state import CustomerRankingState, Integers, Moment, MomentKind, PastVisit
from libs.ranking.together import Question
from services.profile.domain.next_baskets import MODEL_NAMES, NextBaskets
from services.profile.domain.population import NEVER_SECONDS, PopulationLearner

FORMAT_VERSION = 2
_EARLIER_START = 0x78  # of a compressed state of format 1
ASKED_TOGETHER = 16
"""Of so many baskets the candidates are worked out at once; the steps are taken one by one, and every number is the same."""
VISITS_BEFORE_LEARNING = 3  # with fewer trips there is no habit to learn from

__all__ = ["MODEL_NAMES", "Learner", "last_moment"]


class Learner:
    """The one learner of population models: item statistics and the models of both moments."""

    def __init__(
        self,
        kinds: Sequence[MomentKind] = ("arrival", "till"),
        population: PopulationLearner | None = None,
        needs: NextBaskets | None = None,
    ) -> None:
        self.population = population or PopulationLearner()
        self._needs = needs or NextBaskets(kinds)
        self._waiting: list[tuple[Question, Integers]] = []
        """Of the latest baskets: what was asked before each, and what was bought."""

    @property
    def needs(self) -> NextBaskets:
        """The models, after all baskets that were taken in."""
        self._take_steps()
        return self._needs

    def asked(self, state: CustomerRankingState, moment: Moment) -> Asked:
        """What may be wanted at a moment, under the live population."""
        return asked_at(History.of(state, self.population.state), self.population.state, [moment])

    def learn(
        self,
        before: CustomerRankingState,
        visit: PastVisit,
        labels: Mapping[str, tuple[str, str]],
        asked: Asked | None = None,
    ) -> None:
        """Take in one basket, `before` being its customer's state without it and `labels` (category, type) of its items.

        `asked` is made from the same state and population at the moments of all models, so that it need not be made again.
        """
        if not visit.items:
            return
        rows = self.population.rows(visit.items, labels)
        history = History.of(before, self.population.state) if before.visits >= VISITS_BEFORE_LEARNING else None
        self.take(history, visit, rows, last_purchases(before, visit.items), asked)

    def take(
        self,
        history: History | None,
        visit: PastVisit,
        rows: Integers,
        last_at_seconds: Integers,
        asked: Asked | None = None,
    ) -> None:
        """The same with all of it in the rows of the population; of a customer who is hardly known there need be no history."""
        if not visit.items:
            return
        if history is not None and history.visits >= VISITS_BEFORE_LEARNING:
            if asked is None:
                self._ask(history, visit, rows)
            else:
                self.needs.learn(asked, rows)
        self.population.learn(rows, visit.at_seconds, last_at_seconds)
        self.population.review_popular(visit.at_seconds)

    def _ask(self, history: History, visit: PastVisit, bought: Integers) -> None:
        moments = [_moment(kind, history, visit) for kind in self._needs.kinds]
        self._waiting.append((question_of(history, self.population.state, moments), bought))
        if len(self._waiting) >= ASKED_TOGETHER:
            self._take_steps()

    def _take_steps(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        together = asked_together([question for question, _ in waiting], self.population.state)
        for asked, (_, bought) in zip(together, waiting, strict=True):
            self._needs.learn(asked, bought)

    def models(self, number: int) -> dict[MomentKind, Model]:
        """Immutable models to publish under the next number."""
        return self.needs.models(number)

    def encode(self) -> bytes:
        """The whole state; nothing is rounded, and nothing compressed: it is stored anew with every model."""
        population = self.population.state.store()
        return msgspec.msgpack.encode([FORMAT_VERSION, self.needs.parts(), population, self.population.popular_at_slot])

    @classmethod
    def decode(cls, content: bytes) -> "Learner":
        """The learner whose `encode` gave these bytes, in this format or the one before; raises ValueError for another."""
        earlier = content[:1] == bytes([_EARLIER_START])
        version, needs, population, slot = msgspec.msgpack.decode(decompress(content) if earlier else content)
        if version != (1 if earlier else FORMAT_VERSION):
            raise ValueError("a learner state of an unknown format")
        return cls(
            population=PopulationLearner.decode(population, slot),
            needs=NextBaskets.from_earlier(needs) if earlier else NextBaskets.from_parts(needs),
        )


def _moment(kind: MomentKind, history: History, visit: PastVisit) -> Moment:
    """When the list that this basket answers was made: now, or at the end of the trip before."""
    if kind == "arrival":
        return Moment(visit.at_seconds, visit.store_id, kind, visit.utc_offset_minutes)
    trips = history.trips
    store = history.store_names[int(trips.stores[-1])]
    return Moment(int(trips.at_seconds[-1]), store, "till", int(trips.utc_offset_minutes[-1]))


def last_moment(state: CustomerRankingState) -> Moment:
    """The end of the latest trip: when a voucher for the next one is printed."""
    store = state.stores[int(state.visit_stores[-1])]
    return Moment(int(state.visit_at_seconds[-1]), store, "till", int(state.visit_utc_offset_minutes[-1]))


def last_purchases(before: CustomerRankingState, items: Sequence[str]) -> Integers:
    """When the customer bought each of the items last; NEVER_SECONDS for a new one."""
    last = np.full(len(before.items) + 1, NEVER_SECONDS)
    last[before.line_items] = before.visit_at_seconds[before.line_visits]
    number = {item: index for index, item in enumerate(before.items)}
    return last[[number.get(item, -1) for item in items]]
