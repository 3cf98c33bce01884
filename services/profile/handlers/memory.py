"""What processes keep in memory across transactions: the learner its models, the folder the newest return model."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from libs.common.clock import Clock
from libs.common.persistence import Transaction
from services.profile.domain.return_chance import ReturnChance
from services.profile.handlers.folding import Customer, Outcome, fold_customers
from services.profile.handlers.learning import RETURN_WEIGHTS, Memory, Step, learn, learn_until, read_returns
from services.profile.metrics import ProfileMetrics
from services.profile.ports import LearnerState, ProfileStore


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


class NewestReturns:
    """The newest return model as it is stored: read again when the learner has stored another."""

    def __init__(self) -> None:
        self._stored: LearnerState | None = None

    async def stored(self, store: ProfileStore) -> LearnerState | None:
        """The model to predict with; None while none is stored."""
        known = self._stored.number if self._stored is not None else -1
        self._stored = await store.learning.state(RETURN_WEIGHTS, above_number=known) or self._stored
        return self._stored


class ReturnModel:
    """The newest return model, unpacked once. Folds in this process."""

    def __init__(self) -> None:
        self._newest = NewestReturns()
        self._unpacked: LearnerState | None = None
        self._returns = ReturnChance()

    async def fold(self, store: ProfileStore, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """As Folding promises."""
        return self.fold_with(await self._newest.stored(store), customers)

    def fold_with(self, stored: LearnerState | None, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """Fold with this model; an untrained one where there is none."""
        if stored is not None and stored != self._unpacked:
            self._unpacked, self._returns = stored, read_returns(stored)
        return fold_customers(customers, self._returns)
