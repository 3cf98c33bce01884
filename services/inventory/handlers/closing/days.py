"""Closes days: learns every item from its day, in batches of whole items, each one transaction; called at a tick or by a timer.

A batch's items are learned, planned and put on the review's agenda in one transaction, with what they add to the chain's knowledge;
those that the review would have nothing to say of are left off it (docs/adr/0116).
When no item is left, the additions become the knowledge that the next day is learned with. Killed anywhere, the close goes on
with the items that are left; several workers share them. Until an item's first close its plan is made by the review.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.common.clock import Clock
from libs.common.persistence import Transaction, Transactions
from services.inventory.domain.closing.closing import close_items, rules_of
from services.inventory.domain.closing.items import ClosedItems, ClosingDay, ClosingItem
from services.inventory.domain.learning.calibration import Coverage
from services.inventory.domain.learning.pool_bytes import (
    contribution_from_bytes,
    contribution_to_bytes,
    pooled_from_bytes,
    pooled_to_bytes,
)
from services.inventory.domain.learning.pooling import Pooled, combine, nothing_known
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.quiet import quiet_items
from services.inventory.domain.stock.shelves import day_of, start_of
from services.inventory.handlers.batches import BatchSize, Between, nobody_waits
from services.inventory.handlers.closing.links import with_commands
from services.inventory.handlers.counting import ask_for_counts
from services.inventory.handlers.lead_times import learn_lead_times
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore

StoreOf = Callable[[Transaction], InventoryStore]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """Closes the days before a moment, one after the other. Two may run side by side: each takes items that the other does not hold."""

    transactions: Transactions
    store_of: StoreOf
    policy: Policy
    metrics: InventoryMetrics
    clock: Clock
    batch: BatchSize

    async def run(self, now: datetime, between: Between = nobody_waits, grace: timedelta = timedelta()) -> int:
        """Close every whole day that ended `grace` or more before `now` and is not closed; how many items were closed.

        Ends early where another worker still holds items of the day: it will finish. Raises RetryableError: run it again.
        """
        done = 0
        while True:
            async with self.transactions.begin() as tx:
                day = await self.store_of(tx).closing.open_day(day_of(now - grace))
            if day is None:
                return done
            began = self.clock.monotonic_seconds()
            done += await self._close_items(day, day_of(now), between)
            if not await self._finish(day):
                return done
            self.metrics.closes.inc()
            self.metrics.close_seconds.observe(self.clock.monotonic_seconds() - began)

    async def _close_items(self, day: int, today: int, between: Between) -> int:
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            await store.reviews.prepare_day(day + 1)
            await learn_lead_times(store, day)
            hours = await store.closing.hours()
            pooled = await store.closing.pooled(day - 1)
            links = await store.links.of_close(day)
            limit = self.batch.items_of(await store.reviews.shelves_an_item())
        closing = ClosingDay(
            day=day,
            pooled=_known(pooled, day - 1),
            rules=rules_of(self.policy),
            hours=hours,
            links=links,
        )
        done = 0
        while True:
            await between(done)
            async with self.transactions.begin() as tx:
                claimed, coverage = await close_batch(self.store_of(tx), closing, self.policy, limit, today)
            self.metrics.closed_items.inc(claimed)
            if coverage is not None:
                self.metrics.count_coverage(coverage)
            done += claimed
            if claimed < limit:
                return done

    async def _finish(self, day: int) -> bool:
        """Make the day's additions the chain's knowledge, once; whether the day is closed."""
        async with self.transactions.begin() as tx:
            store = self.store_of(tx).closing
            added = await store.contributions(day)
            if added is None:
                return False
            known = _known(await store.pooled(day - 1), day - 1)
            parts = [contribution_from_bytes(body)[0] for body in added]
            await store.finish(day, pooled_to_bytes(combine(known, parts, day)))
        return True


def _known(kept: bytes | None, day: int) -> Pooled:
    return nothing_known(day) if kept is None else pooled_from_bytes(kept)


async def close_batch(
    store: InventoryStore, closing: ClosingDay, policy: Policy, limit: int, today: int
) -> tuple[int, Coverage | None]:
    """Claim, load, learn and save one batch within the store's transaction; how many items were claimed, what forecasts kept.

    The next review is one of `today`: once the last day before it is closed, it is known which items it has nothing to say of.
    """
    claimed = await store.closing.claim(closing.day, limit, closing.links.followers)
    if not claimed:
        return 0, None
    if closing.links:
        family = await store.links.claim(closing.day, closing.links.with_families(claimed))
        claimed = sorted([*claimed, *family])
    # The item's lock, before anything of it is read: what is not committed by now comes after the close.
    await store.stock.touch(claimed)
    items = await store.closing.load(claimed, closing.day)
    if closing.links:
        items = await with_commands(store, items)
    loaded = {item.view.facts.item_id for item in items}
    await store.closing.skip(closing.day, [item_id for item_id in claimed if item_id not in loaded])
    coverage = None
    if items:
        around = await store.reviews.surroundings([item.view for item in items], start_of(closing.day + 1), policy)
        late = await store.closing.late_orders(claimed, closing.day)
        unmet = await store.unmet.of_day(claimed, closing.day)
        closed = close_items(items, closing, around, late, unmet)
        await ask_for_counts(store, closing.day, [item.view for item in items], policy)
        await store.links.learned(closed.links)
        await store.closing.save(closing.day, items, closed, contribution_to_bytes(closed.contribution, closing.day))
        await store.assortment.hide(closed.hidden)
        if closing.day + 1 == today:
            await store.reviews.rest(_quiet(items, closed, today, around), today)
        coverage = closed.coverage
    return len(claimed), coverage


def _quiet(items: Sequence[ClosingItem], closed: ClosedItems, today: int, around: Surroundings) -> set[str]:
    """Of these items as the review will find them, but for commands and shelves that a close does not see, the quiet ones."""
    plans = {plan.item_id: plan for plan in closed.plans}
    return quiet_items(((item.view, plans.get(item.view.facts.item_id)) for item in items), today, around)
