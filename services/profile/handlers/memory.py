"""What processes keep in memory across transactions: the learner its models, the folder the newest return model and rules."""

from datetime import datetime, timedelta
from functools import partial

from libs.common.clock import Clock
from libs.common.persistence import Transaction
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.folding import Judgement
from services.profile.handlers.learning import RETURN_WEIGHTS, Memory, Step, learn, learn_until, read_returns
from services.profile.metrics import ProfileMetrics
from services.profile.ports import ProfileStore


class NeedsLearning:
    """One per learner process. Two of them take turns, and each finds what the other has stored."""

    def __init__(
        self, *, interval: timedelta, chunk_baskets: int, published_items: int, metrics: ProfileMetrics, clock: Clock
    ) -> None:
        self._interval = interval
        self._chunk_baskets = chunk_baskets
        self._published_items = published_items
        self._metrics = metrics
        self._clock = clock
        self._memory: Memory | None = None

    async def reached(self, tx: Transaction, store: ProfileStore, reached_at: datetime) -> None:
        """Event time has reached `reached_at`: learn the intervals that this completes and publish new models."""
        until = learn_until(reached_at, self._interval)
        remembered, self._memory = self._memory, None  # changed in place below: gone if this transaction fails
        began = self._clock.monotonic_seconds()
        memory, learned = await learn(store, remembered, Step(until, self._chunk_baskets, self._published_items))
        elapsed = self._clock.monotonic_seconds() - began
        tx.on_commit(partial(self._keep, memory, learned, elapsed))

    def _keep(self, memory: Memory, learned: int, elapsed_seconds: float) -> None:
        self._memory = memory
        self._metrics.model_number.set(memory.number)
        self._metrics.trained_until.set(memory.trained_until.timestamp())
        if learned:
            self._metrics.learned.inc(learned)
            self._metrics.learn_seconds.observe(elapsed_seconds)


class ReturnModel:
    """The newest return model in a folder's memory: read again when the learner has stored another."""

    def __init__(self) -> None:
        self._number = -1
        self._returns = ReturnChance()

    async def newest(self, store: ProfileStore) -> ReturnChance:
        """The model to predict with; an untrained one while none is stored."""
        stored = await store.learning.state(RETURN_WEIGHTS, above_number=self._number)
        if stored is not None:
            self._number, self._returns = stored.number, read_returns(stored)
        return self._returns


class Rules:
    """The rules in force in a process's memory: read again when somebody has saved a segment."""

    def __init__(self) -> None:
        self._rules = RulesInForce(-1, ())

    async def newest(self, store: ProfileStore) -> RulesInForce:
        """The rules; until the commit nobody saves others."""
        number = await store.segments.number()
        if number != self._rules.number:
            self._rules = RulesInForce(number, [row.segment for row in await store.segments.all()])
        return self._rules


class Judge:
    """What customers are judged by, in the memory of whoever folds."""

    def __init__(self) -> None:
        self._returns = ReturnModel()
        self._rules = Rules()

    async def newest(self, store: ProfileStore) -> Judgement:
        """The newest return model and the rules in force."""
        return Judgement(await self._returns.newest(store), await self._rules.newest(store))
