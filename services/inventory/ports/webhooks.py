"""What webhooks need from outside: where subscriptions and deliveries are kept, the log that is read, and who posts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.inventory.domain.webhooks import Delivery, Outcome, Webhook
from services.inventory.ports.commands import CommandLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a subscription's secrets are derived from; the secrets themselves are kept nowhere."""

    salt: str
    generation: int = 1
    key_name: str = ""
    """Which of the deployment's keys the newest secret comes from."""
    former_key_name: str | None = None
    former_until: datetime | None = None
    """Until then the secret of the generation before signs too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A subscription with all that is kept of it."""

    webhook: Webhook
    secrets: Secrets
    description: str
    created_by: str
    created_at: datetime


class WebhookStore(Protocol):
    """Subscriptions and deliveries within one transaction."""

    async def all(self) -> Sequence[Registered]:
        """Every subscription, in the order of ids."""
        ...

    async def get(self, webhook_id: str, *, lock: bool = False) -> Registered | None:
        """One of them."""
        ...

    async def alone(self, webhook_id: str) -> None:
        """Be the only one that makes a subscription of this name, until the commit."""
        ...

    async def put(self, registered: Registered) -> None:
        """Insert or replace; the lease stays."""
        ...

    async def delete(self, webhook_id: str) -> bool:
        """Remove one with its deliveries; False if there is none."""
        ...

    async def lease(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Registered]:
        """Those that are due and that nobody holds, the longest unserved first, held by `owner` until then."""
        ...

    async def release(self, webhook_id: str, owner: str, now: datetime) -> Webhook | None:
        """The subscription as it is now, locked, and free for others; None when `owner` no longer holds it."""
        ...

    async def deliveries(
        self, webhook_id: str, run: int, after: int, positions: Collection[int] | None = None, limit: int = 1_000
    ) -> Sequence[Delivery]:
        """What is known behind `after`, in the order of positions; of `positions` alone where they are given."""
        ...

    async def note(self, webhook_id: str, run: int, deliveries: Collection[Delivery]) -> None:
        """Keep deliveries as they are now."""
        ...

    async def position_before(self, at: datetime) -> int:
        """The last position of the log of commands that was written before `at`; 0 if none was."""
        ...

    async def forget_before(self, moment: datetime, most: int) -> int:
        """Drop delivered entries older than that from the delivery log, `most` at the most; how many: from `most` on ask again."""
        ...

    async def waiting(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show, by gauge and label values."""
        ...


class WebhookStorage(Protocol):
    """Both, in one transaction."""

    @property
    def webhooks(self) -> WebhookStore:
        """Subscriptions and deliveries."""
        ...

    @property
    def log(self) -> CommandLog:
        """The log of commands."""
        ...


class Poster(Protocol):
    """Posts one signed event and says how it ended; never raises for what the other side does."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """One attempt."""
        ...

    def check(self, url: str) -> None:
        """Raise AddressRefused for an address that may not be sent to."""
        ...

    async def close(self) -> None:
        """Close what is open; returns in any case."""
        ...
