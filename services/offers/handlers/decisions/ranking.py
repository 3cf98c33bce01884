"""What customers may want next, for many checkouts at once: who asks in the same turn of the loop shares the work.

Everybody gets what it would get alone. handlers/checkout/desk.py asks, and makes needs of it together with the decision: while
a checkout waits here, the knowledge may become newer.
"""

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass

from libs.ranking.sketch import Sketch, label_hash
from libs.ranking.state import CustomerRankingState, Moment
from libs.ranking.trips_in_hand import PosedBySketch
from services.offers.domain.decisions.needs import CategoryNeed, Likely, NeedModel, by_category, posed
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.ports.checkout import KnownCustomer

TOGETHER = 32
"""So many at a time: more save nothing, and keep the loop from what arrives. A statement of a busy door brings some twenty."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Items with their chances, best first, after a basket, and by hash the categories that the customer bought of before."""

    likely: Likely
    categories: Sequence[int] = ()
    in_hand: Sequence[str] = ()
    there: Container[str] = ()
    """The items that the store has."""

    def where(self, there: Container[str]) -> "Wanted":
        """The same in a store that has these items."""
        return Wanted(self.likely, self.categories, self.in_hand, there)

    def needs(self, knowledge: Knowledge) -> Sequence[CategoryNeed]:
        """By category, as the catalogue has them now."""
        items = knowledge.items
        in_hand = [label_hash(item.category) for item in map(items.get, self.in_hand) if item]
        return by_category(self.likely, items, self.there, {*self.categories, *in_hand})


@dataclass(frozen=True, slots=True)
class _Waiting:
    model: NeedModel
    posed: PosedBySketch
    answer: "asyncio.Future[Likely]"


class SharedRanking:
    """Of one process. Checkouts whose customers were read together come here together."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    async def wanted(
        self, model: NeedModel, customer: KnownCustomer | None, moment: Moment, basket: Sequence[str]
    ) -> Wanted:
        """What `model` says of the customer, or of anybody where its profile must not be used."""
        if customer is None:
            return Wanted(model.popular(set(basket)))
        sketch = _sketch_of(customer)
        ranked = await self.personal(model, posed(sketch, moment, basket))
        return Wanted(ranked, sketch.category_hashes.tolist(), basket)

    async def personal(self, model: NeedModel, posed: PosedBySketch) -> Likely:
        """What `model` says of one customer, best first; raises what it raises alone."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Likely] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._serve)
        self._waiting.append(_Waiting(model, posed, answer))
        return await answer

    def _serve(self) -> None:
        model = self._waiting[0].model
        fitting = [one for one in self._waiting if one.model is model][:TOGETHER]
        served = set(map(id, fitting))
        self._waiting = [one for one in self._waiting if id(one) not in served]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._serve)
        _answer([one for one in fitting if not one.answer.done()])


def _sketch_of(customer: KnownCustomer) -> Sketch:
    """The stored one; of a row that a release before sketches wrote it is made now."""
    if customer.sketch is not None:
        return Sketch.decode(customer.sketch)
    return Sketch.of(CustomerRankingState.decode(customer.ranking_state))


def _answer(asked: Sequence[_Waiting]) -> None:
    if not asked:
        return
    try:
        found = asked[0].model.personal_together([one.posed for one in asked])
    except Exception as error:  # noqa: BLE001 - it is the asker's own if it asked alone
        if len(asked) == 1:
            asked[0].answer.set_exception(error)
            return
        for one in asked:
            _answer([one])
        return
    for one, ranked in zip(asked, found, strict=True):
        one.answer.set_result(ranked)
