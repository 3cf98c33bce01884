"""One round of delivering webhooks: lease what is due, post what its subscriber is owed, note how it ended.

Between the lease and the note no transaction is open. Killed in between, the lease runs out and what was posted without a note is
posted again under the same id: nothing is lost, and at most one round's entries are repeated.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from libs.common.persistence import Transaction, Transactions
from services.inventory.domain.webhooks import (
    Delivery,
    LoggedEvent,
    Outcome,
    State,
    Webhook,
    attempted,
    chains,
    given_up,
    heard,
    moved_cursor,
)
from services.inventory.handlers.webhooks.events import event_of
from services.inventory.handlers.webhooks.secrets import WebhookKeys, signed_headers
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import LogFilter
from services.inventory.ports.webhooks import Poster, Registered, WebhookStorage

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_log = logging.getLogger(__name__)
StorageOf = Callable[[Transaction], WebhookStorage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much is done at a time. The lease must outlast a round's sends and one attempt."""

    window: int = 200
    at_once: int = 8
    subscriptions: int = 8
    send_for: timedelta = timedelta(seconds=5)
    lease: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(hours=72)
    """An endpoint that fails for so long is disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Runs rounds; several processes may: a lease gives each subscription to one of them at a time."""

    transactions: Transactions
    storage_of: StorageOf
    poster: Poster
    keys: WebhookKeys
    metrics: InventoryMetrics
    clock: Clock
    owner: str
    random: Random
    pace: Pace = field(default_factory=Pace)

    async def run_once(self) -> int:
        """One round over what is due; how many entries were taken by their subscribers. Raises RetryableError."""
        now = self.clock.now()
        async with self._storage() as storage:
            held = await storage.webhooks.lease(self.owner, now, now + self.pace.lease, self.pace.subscriptions)
        done = await asyncio.gather(*(self._serve(one) for one in held), return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return sum(count for count in done if isinstance(count, int))

    async def _serve(self, held: Registered) -> int:
        webhook = held.webhook
        async with self._storage() as storage:
            page = await storage.log.read(webhook.cursor, LogFilter(), self.pace.window)
            window = [event_of(entry) for entry in page.entries]
            known = {
                each.position: each
                for each in await storage.webhooks.deliveries(
                    webhook.webhook_id, webhook.run, webhook.cursor, [entry.position for entry in window]
                )
            }
        sending = _Sending(self, held, dict(known))
        await sending.send(chains(webhook, window, known, self.clock.now()))
        return max(sending.taken, await self._note(sending, window))

    async def _note(self, sending: "_Sending", window: Sequence[LoggedEvent]) -> int:
        """Write what came of it onto the subscription as it is now (it may have been changed meanwhile); how far it moved."""
        name = sending.held.webhook.webhook_id
        async with self._storage() as storage:
            present = await storage.webhooks.release(name, self.owner, self.clock.now())
            if present is None:
                return 0  # too slow: another round has it, or it was deleted; what was posted will be repeated
            registered = await storage.webhooks.get(name)
            if registered is None or present.run != sending.held.webhook.run:
                return 0
            await storage.webhooks.note(name, present.run, sending.touched())
            after = self._judged(present, sending, window)
            if after != present:
                await storage.webhooks.put(replace(registered, webhook=after))
            return after.cursor - present.cursor

    def _judged(self, present: Webhook, sending: "_Sending", window: Sequence[LoggedEvent]) -> Webhook:
        """The subscription after a round: further, better or worse, or at rest."""
        now = self.clock.now()
        cursor = moved_cursor(replace(present, event_types=sending.held.webhook.event_types), window, sending.known)
        met = sending.webhook
        after = replace(
            present,
            cursor=max(cursor, present.cursor),
            failures=met.failures,
            failing_since=met.failing_since,
            next_attempt_at=met.next_attempt_at,
        )
        if present.state is State.ACTIVE:
            after = replace(after, state=met.state, disabled_for=met.disabled_for)
        after = given_up(after, sending.oldest_failing(), now, self.pace.patience)
        if after.state is State.DISABLED and present.state is State.ACTIVE:
            self.metrics.webhooks_disabled.labels(after.disabled_for).inc()
            _log.error("webhook %s is disabled: %s", after.webhook_id, after.disabled_for)
        return after

    @asynccontextmanager
    async def _storage(self) -> AsyncIterator[WebhookStorage]:
        async with self.transactions.begin() as tx:
            yield self.storage_of(tx)


@dataclass(slots=True)
class _Sending:
    """The sends of one round to one subscriber."""

    deliverer: Deliverer
    held: Registered
    known: dict[int, Delivery]
    webhook: Webhook = field(init=False)
    taken: int = 0
    _until: datetime = field(init=False)
    _touched: dict[int, Delivery] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.webhook = self.held.webhook
        self._until = self.deliverer.clock.now() + self.deliverer.pace.send_for

    async def send(self, ready: Sequence[Sequence[LoggedEvent]]) -> None:
        """Each chain in order, some chains side by side, none further after the endpoint is seen to be down."""
        limit = asyncio.Semaphore(self.deliverer.pace.at_once)

        async def in_order(chain: Sequence[LoggedEvent]) -> None:
            async with limit:
                for entry in chain:
                    if self._is_over() or not await self._attempt(entry):
                        return

        await asyncio.gather(*(in_order(chain) for chain in ready))

    def touched(self) -> Sequence[Delivery]:
        """The deliveries that were attempted."""
        return list(self._touched.values())

    def oldest_failing(self) -> datetime | None:
        """Since when the entry that failed longest is tried."""
        failing = [each.first_attempt_at for each in self.known.values() if not each.is_delivered]
        return min((at for at in failing if at is not None), default=None)

    def _is_over(self) -> bool:
        """A probe of an open circuit is a single entry anyway; what stops a round is what it met itself."""
        worsened = self.webhook.failures > self.held.webhook.failures and self.webhook.is_tripped
        return worsened or self.webhook.state is State.DISABLED or self.deliverer.clock.now() >= self._until

    async def _attempt(self, entry: LoggedEvent) -> bool:
        outcome = await posted(self.deliverer, self.held, entry.message_id, entry.body)
        now, jitter = self.deliverer.clock.now(), self.deliverer.random.random()
        before = self.known.get(entry.position) or Delivery(
            position=entry.position, message_id=entry.message_id, item_id=entry.item_id, type=entry.type
        )
        self.known[entry.position] = self._touched[entry.position] = attempted(before, outcome, now, jitter)
        self.webhook = heard(self.webhook, outcome, now, jitter)
        self.taken += outcome.is_success
        return outcome.is_success


async def posted(deliverer: Deliverer, held: Registered, message_id: str, body: bytes) -> Outcome:
    """One signed attempt, counted."""
    name = held.webhook.webhook_id
    try:
        headers = signed_headers(deliverer.keys, name, held.secrets, (message_id, body), deliverer.clock.now())
    except RetryableError as error:
        outcome = Outcome(error=f"{error.slug}: {error.detail}")
    else:
        outcome = await deliverer.poster.post(
            held.webhook.url, body, {**headers, "content-type": CONTENT_TYPE, "user-agent": "the-usual-webhooks/1"}
        )
    deliverer.metrics.webhook_attempts.labels(_word(outcome)).inc()
    return outcome


def _word(outcome: Outcome) -> str:
    if outcome.is_success:
        return "taken"
    return "refused" if outcome.status is not None else "unanswered"
