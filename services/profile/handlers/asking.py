"""What the API asks models for: each answer from one transaction; published models are kept in memory until a newer one is there."""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from libs.common.clock import Clock
from libs.common.persistence import Transaction, Transactions
from libs.ranking.ranker import LearnedRanker
from libs.ranking.state import MomentKind
from services.profile.domain.needs import MODEL_NAMES
from services.profile.domain.roles import Sight
from services.profile.handlers.learning import read_model_body
from services.profile.handlers.looking import Looking, Viewer
from services.profile.handlers.shapes import NextBasket
from services.profile.handlers.views import NO_MODEL, Question, RankingModel, next_basket
from services.profile.metrics import ProfileMetrics
from services.profile.ports import ProfileStore


class Asking:
    """One per API process. Without a clock (a played deployment) "now" is the newest event of the customer asked about."""

    def __init__(
        self,
        transactions: Transactions,
        store_of: Callable[[Transaction], ProfileStore],
        looking: Looking,
        *,
        metrics: ProfileMetrics,
        clock: Clock | None,
    ) -> None:
        self._transactions = transactions
        self._store_of = store_of
        self._looking = looking
        self._metrics = metrics
        self._clock = clock
        self._models: dict[MomentKind, RankingModel] = {}

    async def next_basket(self, question: Question, viewer: Viewer) -> NextBasket:
        """What the customer will want next; raises NotFound, Forbidden."""
        viewer.check(Sight.NEXT_BASKET)
        if question.at is None and self._clock is not None:
            question = replace(question, at=self._clock.now())
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            model = await self._model(store, question.moment)
            answer = await next_basket(store, question, model)
            await self._looking.note(store, viewer, "next_basket", answer.customer_id)
        self._metrics.next_baskets.labels("learned" if model.number else "prior").inc()
        return answer

    async def _model(self, store: ProfileStore, moment: MomentKind) -> RankingModel:
        known = self._models.get(moment, NO_MODEL)
        newer = await store.learning.newest_model(MODEL_NAMES[moment], known.number)
        if newer is None:
            return known
        number, body = newer
        model, population = read_model_body(msgspec.json.decode(body)["body"])
        self._models[moment] = RankingModel(number, LearnedRanker.of(model), population)
        return self._models[moment]
