"""Runs a review over everything on the agenda, in batches of whole items, each one transaction; called at a tick or by a timer.

A batch's items leave the agenda in the transaction that writes what was decided of them. Killed in the middle, the same tick runs
again: what was done is no longer on the agenda, the rest is decided from the same facts as of the same moment.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from libs.common.clock import Clock
from libs.common.persistence import Transactions
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Kind
from services.inventory.domain.commands.patience import Patience, look_again_at
from services.inventory.domain.commands.settling import Gates, settle
from services.inventory.domain.lanes.order import LaneOutcome
from services.inventory.domain.lanes.stage import lane_holds
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import day_of, start_of
from services.inventory.handlers.batches import BatchSize, Between, nobody_waits
from services.inventory.handlers.commands.keeping import keep
from services.inventory.handlers.lanes import decide_lanes
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore
from services.inventory.ports.stores import StoreOf

NO_GATES = Gates()
"""Everything is approved and sent at once."""

USUAL_WINDOW = timedelta(days=56)
"""What was ordered in this time is what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Reviews as of a moment. Two may run side by side: each takes the items that the other does not hold."""

    transactions: Transactions
    store_of: StoreOf
    policy: Policy
    metrics: InventoryMetrics
    clock: Clock
    batch: BatchSize
    gates: Gates = NO_GATES

    async def run(self, now: datetime, between: Between = nobody_waits) -> Counter[str]:
        """Decide all that is on the agenda as of `now`, each item once; counts of what was done. Raises RetryableError: run it again.

        What is touched behind the batches, by an answer to what they asked for, is left for the next review: else it would depend on
        how fast the answer is. `between` is called between batches, for a caller whose own transaction must not idle.
        """
        began = self.clock.monotonic_seconds()
        done: Counter[str] = Counter()
        async with self.transactions.begin() as tx:
            reviews = self.store_of(tx).reviews
            await reviews.prepare_day(day_of(now))
            limit = self.batch.items_of(await reviews.shelves_an_item())
        reached = ""
        while True:
            await between(done["claimed"])
            async with self.transactions.begin() as tx:
                store = self.store_of(tx)
                claimed = await store.reviews.claim(now, limit, after=reached)
                batch = await review_items(store, claimed, now, self.policy, self.gates)
            done.update(batch)
            for kind in Kind:
                self.metrics.commands.labels(kind.value).inc(batch[kind.value])
            for outcome in ("held", "sent_again", "escalated", "expired"):
                self.metrics.command_events.labels(outcome).inc(batch[outcome])
            if len(claimed) < limit:
                break
            reached = claimed[-1]
        await between(done["claimed"])
        done.update(await decide_lanes(self.transactions, self.store_of, self.policy, now))
        for outcome in LaneOutcome:
            self.metrics.lane_orders.labels(outcome.value).inc(done[f"lane_{outcome.value}"])
        self.metrics.reviews.inc()
        self.metrics.reviewed_items.inc(done["claimed"])
        self.metrics.review_seconds.observe(self.clock.monotonic_seconds() - began)
        return done


async def review_items(
    store: InventoryStore, claimed: Sequence[str], now: datetime, policy: Policy, gates: Gates = NO_GATES
) -> Counter[str]:
    """Load, decide and save these items within the transaction that claimed them; counts of what was done."""
    items = await store.reviews.load(claimed, now) if claimed else ()
    if not items:
        return Counter(claimed=len(claimed))
    around = await store.reviews.surroundings(items, now, policy)
    gates = replace(gates, limits=lane_holds(around.lanes, now))
    outcome = review(items, now, around)
    settled = await settle_drafts(store, outcome, gates, policy.patience, now)
    await store.reviews.save(outcome, now, len(items))
    await keep(store, [*outcome.waiting, *settled])
    return Counter(claimed=len(claimed)) + _counts(outcome, settled)


async def settle_drafts(
    store: InventoryStore, outcome: Outcome, gates: Gates, patience: Patience, now: datetime
) -> Sequence[Change]:
    """What becomes of the drafts; the items of those that wait are looked at again in time."""
    drafts = outcome.commands
    wants_usual = any(rule.greatest_times_usual is not None for rule in gates.approval.rules)
    usual = await store.commands.usual(drafts, now - USUAL_WINDOW) if drafts and wants_usual else {}
    changes: list[Change] = []
    for draft in drafts:
        before = outcome.replaced.get(draft.command_id)
        found = settle(draft, before, outcome.categories[draft.item_id], usual, gates)
        changes.extend(found)
        if not found:
            outcome.look_at(draft.item_id, start_of(day_of(now) + 1))
        for change in found:
            outcome.look_at(draft.item_id, look_again_at(change.command, patience))
    return changes


def _counts(outcome: Outcome, settled: Sequence[Change]) -> Counter[str]:
    counts = Counter(change.command.kind.value for change in settled)
    counts["held"] = sum(1 for change in settled if not change.sends)
    counts["sent_again"] = sum(1 for change in outcome.waiting if change.what is What.SENT)
    counts["escalated"] = sum(1 for change in outcome.waiting if change.what is What.ESCALATED)
    counts["expired"] = len(outcome.expired)
    counts["availability"] = len(outcome.availability)
    return counts
