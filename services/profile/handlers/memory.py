"""What processes keep in memory across transactions: the learner its models, the folder the newest return model and rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from pydantic import TypeAdapter

from libs.common.clock import Clock
from libs.common.persistence import Transaction
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce, Segment, versions_in_force
from services.profile.handlers.folding import Customer, Grounds, Outcome, fold_customers
from services.profile.handlers.learning import (
    RETURN_WEIGHTS,
    FacetsBehind,
    Memory,
    Step,
    learn,
    learn_until,
    read_returns,
)
from services.profile.handlers.snapshots import Judgement
from services.profile.metrics import ProfileMetrics
from services.profile.ports import ProfileStore

SEGMENTS = TypeAdapter(list[Segment])


class NeedsLearning:
    """One per learner process. Two of them take turns, and each finds what the other has stored."""

    def __init__(
        self,
        *,
        interval: timedelta,
        chunk_baskets: int,
        published_items: int,
        customers_kept: int,
        metrics: ProfileMetrics,
        clock: Clock,
    ) -> None:
        self._interval = interval
        self._chunk_baskets = chunk_baskets
        self._published_items = published_items
        self._customers_kept = customers_kept
        self._metrics = metrics
        self._clock = clock
        self._memory: Memory | None = None

    async def reached(self, tx: Transaction, store: ProfileStore, reached_at: datetime) -> None:
        """Event time has reached `reached_at`: learn the intervals that this completes and publish new models."""
        until = learn_until(reached_at, self._interval)
        remembered, self._memory = self._memory, None  # changed in place below: gone if this transaction fails
        began = self._clock.monotonic_seconds()
        step = Step(until, self._chunk_baskets, self._published_items, self._customers_kept)
        try:
            memory, learned = await learn(store, remembered, step)
        except FacetsBehind:
            self._memory = remembered
            raise
        elapsed = self._clock.monotonic_seconds() - began
        tx.on_commit(partial(self._keep, memory, learned, elapsed))

    def _keep(self, memory: Memory, learned: int, elapsed_seconds: float) -> None:
        self._memory = memory
        self._metrics.model_number.set(memory.number)
        self._metrics.trained_until.set(memory.trained_until.timestamp())
        if learned:
            self._metrics.learned.inc(learned)
            self._metrics.learn_seconds.observe(elapsed_seconds)


class NewestGrounds:
    """What customers are judged by, as it is stored: read again when the learner has stored a model, or somebody a segment."""

    def __init__(self) -> None:
        self._known = Grounds()

    async def stored(self, store: ProfileStore) -> Grounds:
        """The newest ones; until the commit nobody saves other rules."""
        known = self._known
        above = known.returns.number if known.returns is not None else -1
        returns = await store.learning.state(RETURN_WEIGHTS, above_number=above)
        if returns is not None:
            known = replace(known, returns=returns)
        number = await store.segments.number()
        if number != known.number:
            segments = [row.segment for row in await store.segments.all()]
            known = replace(
                known, number=number, segments=SEGMENTS.dump_json(segments), versions=versions_in_force(segments)
            )
        self._known = known
        return known


class Judge:
    """The newest grounds, unpacked once. Judges and folds in this process."""

    def __init__(self) -> None:
        self._newest = NewestGrounds()
        self._unpacked = Grounds()
        self._judgement = Judgement(ReturnChance(), RulesInForce(-1, ()))

    async def grounds(self, store: ProfileStore) -> Grounds:
        """As Folding promises."""
        return await self._newest.stored(store)

    async def newest(self, store: ProfileStore) -> Judgement:
        """As Judging promises."""
        return self._judgement_on(await self._newest.stored(store))

    async def fold(self, grounds: Grounds, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """As Folding promises."""
        return self.fold_here(grounds, customers)

    def fold_here(self, grounds: Grounds, customers: Sequence[Customer]) -> Sequence[Outcome]:
        """Fold on these grounds; by an untrained model where there is none."""
        return fold_customers(customers, self._judgement_on(grounds))

    def _judgement_on(self, grounds: Grounds) -> Judgement:
        known = self._unpacked
        if grounds.returns is not None and grounds.returns != known.returns:
            self._judgement = replace(self._judgement, returns=read_returns(grounds.returns))
        if grounds.number != known.number:
            rules = RulesInForce(grounds.number, SEGMENTS.validate_json(grounds.segments))
            self._judgement = replace(self._judgement, rules=rules)
        self._unpacked = grounds
        return self._judgement
