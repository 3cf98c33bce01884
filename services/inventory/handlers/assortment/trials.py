"""Introductions that people decide on, and how the items do that were introduced; judged once a closed day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from libs.common.clock import Clock
from libs.common.errors import Conflict, NotFound
from libs.common.persistence import Transactions
from services.inventory.domain.assortment.trials import Judgement, Standing, judged
from services.inventory.domain.stock.shelves import day_of
from services.inventory.handlers.assortment.lists import DECIDED_DAYS, expectation
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore
from services.inventory.ports.assortment import Trial
from services.inventory.ports.stores import StoreOf

_BATCH = 200
_NEW = Judgement(standing=Standing.WAITING, days=0, units=0.0, reason="not on the shelf yet")


class TrialRuling(StrEnum):
    """What may be decided of an item in a store."""

    ACCEPT = "accept"
    """It will be introduced: from now on it is watched."""
    DECLINE = "decline"
    """It will not."""
    END = "end"
    """It was taken out again, or is there to stay: nothing is watched any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialVerdict:
    """One person's decision."""

    item_id: str
    store_id: str
    ruling: TrialRuling
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDesk:
    """Every method raises RetryableError when the database does not answer. `play_mode`: time is where the last review was."""

    transactions: Transactions
    store_of: StoreOf
    metrics: InventoryMetrics
    clock: Clock
    play_mode: bool = False

    async def decide(self, verdict: TrialVerdict) -> tuple[bool, Trial | None]:
        """Whether this decided it (False: it was decided so before), and the shelf's trial, if there is one.

        Raises Conflict where the store carries the item already, where nothing tells what it would sell, or where what is on trial is
        declined; NotFound for an item that the catalogue does not hold, and where nothing is to be ended.
        """
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            now = (await store.exceptions.reached_at() if self.play_mode else None) or self.clock.now()
            match verdict.ruling:
                case TrialRuling.ACCEPT:
                    applied = await _accept(store, verdict, now)
                case TrialRuling.DECLINE:
                    applied = await _decline(store, verdict, now)
                case TrialRuling.END:
                    applied = await _end(store, verdict, now)
            found = await store.trials.newest(verdict.item_id, verdict.store_id)
        if applied:
            self.metrics.trial_decisions.labels(verdict.ruling.value).inc()
        return applied, found

    async def listed(
        self, store_id: str | None, standing: Standing | None, after: tuple[str, str], limit: int
    ) -> Sequence[Trial]:
        """Open trials above `after` in the order of (store, item)."""
        async with self.transactions.begin() as tx:
            wanted = None if standing is None else standing.value
            return await self.store_of(tx).trials.listed(store_id, wanted, after, limit)


async def judge_trials(store: InventoryStore) -> int:
    """Look at what was introduced as of the newest closed day; how many were looked at. What is decided stays so."""
    day = await store.assortment.closed_day()
    if day is None:
        return 0
    watched = await store.trials.watched(day, _BATCH)
    for one in watched:
        trial = one.trial
        found = judged(trial.rule, one.asked, max(day - trial.started_day, 0))
        await store.trials.judge(trial, found, day)
    return len(watched)


async def _accept(store: InventoryStore, verdict: TrialVerdict, now: datetime) -> bool:
    if await store.trials.open_one(verdict.item_id, verdict.store_id) is not None:
        return False
    expected = await expectation(store, verdict.item_id, verdict.store_id)
    return await store.trials.start(
        Trial(
            item_id=verdict.item_id,
            store_id=verdict.store_id,
            started_at=now,
            started_day=day_of(now),
            started_by=verdict.by,
            rule=expected.rule,
            says=expected.says,
            judgement=_NEW,
        )
    )


async def _decline(store: InventoryStore, verdict: TrialVerdict, now: datetime) -> bool:
    if await store.trials.open_one(verdict.item_id, verdict.store_id) is not None:
        raise Conflict("this item is on trial in this store: end the trial", slug="on-trial")
    times = (now - timedelta(days=DECIDED_DAYS), now)
    return await store.trials.decline(verdict.item_id, verdict.store_id, verdict.by, verdict.reason, times)


async def _end(store: InventoryStore, verdict: TrialVerdict, now: datetime) -> bool:
    trial = await store.trials.open_one(verdict.item_id, verdict.store_id)
    if trial is not None:
        await store.trials.end(trial, now, verdict.by)
        return True
    if await store.trials.newest(verdict.item_id, verdict.store_id) is None:
        raise NotFound("this item was never on trial in this store", slug="no-trial")
    return False
