"""Runs a review over everything on the agenda, in batches of whole items, each one transaction; called at a tick or by a timer.

A batch's items leave the agenda in the transaction that writes what was decided of them. Killed in the middle, the same tick runs
again: what was done is no longer on the agenda, the rest is decided from the same facts as of the same moment.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from libs.common.clock import Clock
from libs.common.contracts import new_event
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.contracts.topics import INVENTORY_COMMANDS
from libs.common.persistence import OutboxMessage, Transaction, Transactions
from services.inventory.domain.command import Command, Kind
from services.inventory.domain.measure import from_milli
from services.inventory.domain.replenishment import Policy
from services.inventory.domain.review import Outcome, review
from services.inventory.domain.shelves import day_of
from services.inventory.handlers import SOURCE
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore

StoreOf = Callable[[Transaction], InventoryStore]
StillThere = Callable[[], Awaitable[None]]


async def _nobody_waits() -> None:
    """For reviews that no open transaction waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Reviews as of a moment. Two may run side by side: each takes the items that the other does not hold."""

    transactions: Transactions
    store_of: StoreOf
    policy: Policy
    metrics: InventoryMetrics
    clock: Clock
    batch_items: int = 1_000

    async def run(self, now: datetime, still_there: StillThere = _nobody_waits) -> Counter[str]:
        """Decide all that is on the agenda as of `now`; counts of what was done. Raises RetryableError: run it again.

        `still_there` is called between batches, for a caller whose own transaction must not idle.
        """
        began = self.clock.monotonic_seconds()
        done: Counter[str] = Counter()
        async with self.transactions.begin() as tx:
            await self.store_of(tx).reviews.prepare_day(day_of(now))
        while True:
            await still_there()
            async with self.transactions.begin() as tx:
                batch = await review_batch(self.store_of(tx), now, self.policy, self.batch_items)
            done.update(batch)
            for kind in Kind:
                self.metrics.commands.labels(kind.value).inc(batch[kind.value])
            if batch["claimed"] < self.batch_items:
                break
        self.metrics.reviews.inc()
        self.metrics.reviewed_items.inc(done["claimed"])
        self.metrics.review_seconds.observe(self.clock.monotonic_seconds() - began)
        return done


async def review_batch(store: InventoryStore, now: datetime, policy: Policy, limit: int) -> Counter[str]:
    """Claim, load, decide and save one batch within the store's transaction; counts of what was done."""
    claimed = await store.reviews.claim(now, limit)
    items = await store.reviews.load(claimed, now) if claimed else ()
    if not items:
        return Counter(claimed=len(claimed))
    around = await store.reviews.surroundings(items, now, policy)
    outcome = review(items, now, around)
    await store.reviews.save(outcome, now, len(items))
    await store.append([message_of(command) for command in outcome.commands])
    return Counter(claimed=len(claimed)) + _counts(outcome)


def _counts(outcome: Outcome) -> Counter[str]:
    counts = Counter(command.kind.value for command in outcome.commands)
    counts["expired"] = len(outcome.expired)
    counts["availability"] = len(outcome.availability)
    return counts


def message_of(command: Command) -> OutboxMessage:
    """The command as its event; a version has one id, however often it is sent."""
    shared = {
        "command_id": command.command_id,
        "version": command.version,
        "item_id": command.item_id,
        "store_id": command.store_id,
        "quantity": from_milli(command.quantity_milli),
        "needed_at": command.needed_at,
        "valid_until": command.valid_until,
        "explanation": command.explanation,
    }
    body: Reorder | Reroute
    if command.kind is Kind.REORDER:
        supply = {"supplier_id": command.supplier_id, "lane_id": command.lane_id}
        body = Reorder.model_validate({**shared, **supply, "packs": command.packs, "cost_cents": command.cost_cents})
    else:
        body = Reroute.model_validate({**shared, "from_store_id": command.from_store_id})
    event = new_event(
        body, event_id=f"{command.command_id}:{command.version}", source=SOURCE, occurred_at=command.decided_at
    )
    return OutboxMessage.of(event, INVENTORY_COMMANDS)
