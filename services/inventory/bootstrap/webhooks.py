"""Webhooks, joined: the client that posts, the round that delivers, the desk that the doors ask."""

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from libs.common.clock import Clock
from libs.common.http.guarded_client import AddressPolicy, AddressRefused, GuardedClient, NoAnswer
from libs.common.persistence import Transaction
from libs.common.persistence.relay import RelayLoop
from services.inventory.bootstrap.parts import Parts, piece_by_piece
from services.inventory.domain.webhooks import Outcome
from services.inventory.handlers.webhooks.delivering import Deliverer, Pace
from services.inventory.handlers.webhooks.secrets import WebhookKeys
from services.inventory.handlers.webhooks.subscribing import WebhookDesk
from services.inventory.ports import CommandLog
from services.inventory.ports.webhooks import Poster, WebhookStore
from services.inventory.settings import Settings
from services.inventory.store.commands.log import PostgresCommandLog
from services.inventory.store.forgetting import TOGETHER
from services.inventory.store.webhooks import PostgresWebhooks

_IDLE_SECONDS = 0.5
_FORGET_AFTER = timedelta(days=30)
_FORGET_EVERY_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Storage:
    """Fits WebhookStorage."""

    webhooks: WebhookStore
    log: CommandLog


def storage_of(tx: Transaction) -> Storage:
    """Subscriptions and the log within `tx`."""
    return Storage(PostgresWebhooks(tx), PostgresCommandLog(tx))


class HttpPoster:
    """Fits Poster."""

    def __init__(self, client: GuardedClient, policy: AddressPolicy) -> None:
        self._client = client
        self._policy = policy

    def check(self, url: str) -> None:
        """Raise AddressRefused for an address that may not be sent to."""
        self._policy.check(url)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One attempt. A redirection is a refusal: nobody is followed to an address that was not judged."""
        try:
            answer = await self._client.post(url, body, headers)
        except (AddressRefused, NoAnswer) as error:
            return Outcome(error=f"{error.slug}: {error.detail}")
        return Outcome(status=answer.status, retry_after=_seconds(answer.headers.get("retry-after")))


class ClosingLoop:
    """A loop that closes its connections when it ends."""

    def __init__(self, loop: RelayLoop, poster: Poster) -> None:
        self._loop = loop
        self._poster = poster

    async def run(self) -> None:
        """Run until `stop`."""
        try:
            await self._loop.run()
        finally:
            await self._poster.close()

    def stop(self) -> None:
        """End `run` after the present cycle."""
        self._loop.stop()


def poster_of(settings: Settings) -> HttpPoster:
    """The client under this deployment's policy; raises ValueError for networks that are none."""
    policy = AddressPolicy.of(settings.webhook_hosts, settings.webhook_private_networks)
    return HttpPoster(GuardedClient(policy, timeout_seconds=settings.webhook_timeout_seconds), policy)


def keys_of(settings: Settings) -> WebhookKeys | None:
    """The keys behind the secrets; None where the deployment has no webhooks. Raises InvalidInput for a file that is none."""
    if settings.webhook_key_file is None:
        return None
    return WebhookKeys.read(settings.webhook_key_file, settings.webhook_former_key_file)


def webhook_desk_of(parts: Parts) -> WebhookDesk:
    """What the doors ask."""
    return WebhookDesk(
        transactions=parts.transactions,
        storage_of=storage_of,
        poster=poster_of(parts.settings),
        keys=keys_of(parts.settings),
        clock=parts.clock,
    )


def deliverer_of(parts: Parts, keys: WebhookKeys, clock: Clock | None = None) -> Deliverer:
    """What delivers in this process. A lease outlasts a round's sends and one attempt, as long as the deployment lets that take."""
    pace = Pace(patience=timedelta(hours=parts.settings.webhook_patience_hours))
    longest = pace.send_for + timedelta(seconds=parts.settings.webhook_timeout_seconds)
    return Deliverer(
        transactions=parts.transactions,
        storage_of=storage_of,
        poster=poster_of(parts.settings),
        keys=keys,
        metrics=parts.metrics,
        clock=clock or parts.clock,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        random=Random(parts.clock.now().timestamp()),
        pace=replace(pace, lease=max(pace.lease, 2 * longest)),
    )


def webhook_loops(parts: Parts) -> list[RelayLoop | ClosingLoop]:
    """The worker's part: delivering, and forgetting old deliveries; nothing without a key file."""
    keys = keys_of(parts.settings)
    if keys is None:
        return []
    deliverer = deliverer_of(parts, keys)

    async def forget() -> int:
        return await piece_by_piece(
            parts, lambda tx: storage_of(tx).webhooks.forget_before(parts.clock.now() - _FORGET_AFTER, TOGETHER)
        )

    delivering = RelayLoop(deliverer.run_once, name="webhooks", backoff=parts.backoff, idle_seconds=_IDLE_SECONDS)
    return [
        ClosingLoop(delivering, deliverer.poster),
        RelayLoop(forget, name="webhook-log", backoff=parts.backoff, idle_seconds=_FORGET_EVERY_SECONDS),
    ]


def _seconds(retry_after: str | None) -> timedelta | None:
    """`Retry-After` in seconds; a date is taken for no wish."""
    with contextlib.suppress(ValueError, OverflowError):
        seconds = int(retry_after or "")
        return timedelta(seconds=seconds) if seconds >= 0 else None
    return None
