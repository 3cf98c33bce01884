"""What the doors of webhooks do: subscribe, rotate secrets, ping, replay, end; each in a transaction of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from libs.common.clock import Clock
from libs.common.errors import Conflict, InvalidInput, NotFound, RetryableError
from libs.common.ids import random_id
from libs.common.persistence import Transactions
from services.inventory.domain.webhooks import EVENT_TYPES, Delivery, Outcome, State, Webhook, enabled, replayed
from services.inventory.handlers.webhooks.delivering import CONTENT_TYPE, StorageOf
from services.inventory.handlers.webhooks.events import ping
from services.inventory.handlers.webhooks.secrets import WebhookKeys, newest, rotated, signed_headers
from services.inventory.ports.webhooks import Poster, Registered, Secrets, WebhookStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller asks for."""

    url: str
    event_types: frozenset[str]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDesk:
    """Answers from the service's own tables; raises RetryableError when the database does not answer, or without a key file."""

    transactions: Transactions
    storage_of: StorageOf
    poster: Poster
    keys: WebhookKeys | None
    clock: Clock

    async def put(self, webhook_id: str, wanted: Wanted, by: str) -> tuple[Registered, str | None]:
        """Subscribe from now on, or change a subscription; with its secret where it is new.

        Raises AddressRefused, and InvalidInput for event types that are not there.
        """
        if strange := wanted.event_types - EVENT_TYPES:
            raise InvalidInput(f"no such event type: {', '.join(sorted(strange))}", slug="unknown-event-type")
        self.poster.check(wanted.url)
        keys = self._keys()
        async with self._storage() as storage:
            await storage.webhooks.alone(webhook_id)
            known = await storage.webhooks.get(webhook_id, lock=True)
            if known is None:
                made = await self._made(storage, webhook_id, wanted, by)
                await storage.webhooks.put(made)
                return made, newest(keys, webhook_id, made.secrets)
            webhook = replace(known.webhook, url=wanted.url, event_types=wanted.event_types)
            changed = replace(known, webhook=webhook, description=wanted.description)
            await storage.webhooks.put(changed)
            return changed, None

    async def all(self) -> Sequence[Registered]:
        """Every subscription."""
        async with self._storage() as storage:
            return await storage.webhooks.all()

    async def get(self, webhook_id: str) -> Registered:
        """One of them; raises NotFound."""
        async with self._storage() as storage:
            return await self._found(storage, webhook_id)

    async def delete(self, webhook_id: str) -> None:
        """End it; raises NotFound."""
        async with self._storage() as storage:
            if not await storage.webhooks.delete(webhook_id):
                raise _unknown()

    async def rotate(self, webhook_id: str, overlap: timedelta) -> tuple[Registered, str]:
        """A new secret, the former one valid for `overlap`; raises NotFound, and Conflict while two are valid already."""
        keys = self._keys()
        async with self._storage() as storage:
            known = await self._found(storage, webhook_id, lock=True)
            changed = replace(known, secrets=rotated(keys, known.secrets, self.clock.now(), overlap))
            await storage.webhooks.put(changed)
        return changed, newest(keys, webhook_id, changed.secrets)

    async def enable(self, webhook_id: str) -> Registered:
        """Go on from where it stood; raises NotFound, and Conflict where the log does not reach back so far any more."""
        async with self._storage() as storage:
            known = await self._found(storage, webhook_id, lock=True)
            first, _ = await storage.log.ends()
            if known.webhook.cursor < first - 1:
                raise Conflict(f"the log begins at {first}, behind its cursor; replay from there", slug="log-forgotten")
            changed = replace(known, webhook=enabled(known.webhook))
            await storage.webhooks.put(changed)
        return changed

    async def replay(self, webhook_id: str, after: int | None, since: datetime | None) -> Registered:
        """Deliver again all behind a position, or all since a moment. A position ahead of the cursor leaves out what lies between.

        Raises NotFound, and InvalidInput for a position that the log has not.
        """
        async with self._storage() as storage:
            known = await self._found(storage, webhook_id, lock=True)
            position = after if after is not None else await storage.webhooks.position_before(since or self.clock.now())
            first, head = await storage.log.ends()
            if position > head or position < first - 1:
                raise InvalidInput(f"the log goes from {first} to {head}", slug="beyond-the-log")
            changed = replace(known, webhook=replayed(known.webhook, position))
            await storage.webhooks.put(changed)
        return changed

    async def ping(self, webhook_id: str) -> Outcome:
        """Post a test event once, now, whatever the circuit says; raises NotFound."""
        keys = self._keys()
        known = await self.get(webhook_id)
        message_id, now = f"ping:{random_id()}", self.clock.now()
        body = ping(webhook_id, message_id, now)
        headers = signed_headers(keys, webhook_id, known.secrets, (message_id, body), now)
        return await self.poster.post(known.webhook.url, body, {**headers, "content-type": CONTENT_TYPE})

    async def deliveries(self, webhook_id: str, run: int | None, after: int, limit: int) -> Sequence[Delivery]:
        """The delivery log of a run, the present one where none is named; raises NotFound."""
        async with self._storage() as storage:
            known = await self._found(storage, webhook_id)
            return await storage.webhooks.deliveries(webhook_id, run or known.webhook.run, after, limit=limit)

    async def _made(self, storage: WebhookStorage, webhook_id: str, wanted: Wanted, by: str) -> Registered:
        webhook = Webhook(
            webhook_id=webhook_id,
            url=wanted.url,
            event_types=wanted.event_types,
            cursor=(await storage.log.ends())[1],
            state=State.ACTIVE,
        )
        return Registered(
            webhook=webhook,
            secrets=Secrets(salt=random_id(), key_name=self._keys().in_use),
            description=wanted.description,
            created_by=by,
            created_at=self.clock.now(),
        )

    async def _found(self, storage: WebhookStorage, webhook_id: str, *, lock: bool = False) -> Registered:
        found = await storage.webhooks.get(webhook_id, lock=lock)
        if found is None:
            raise _unknown()
        return found

    def _keys(self) -> WebhookKeys:
        if self.keys is None:
            raise RetryableError("this deployment has no USUAL_WEBHOOK_KEY_FILE", slug="webhooks-not-set-up")
        return self.keys

    @asynccontextmanager
    async def _storage(self) -> AsyncIterator[WebhookStorage]:
        async with self.transactions.begin() as tx:
            yield self.storage_of(tx)


def _unknown() -> NotFound:
    return NotFound("no such webhook", slug="unknown-webhook")
