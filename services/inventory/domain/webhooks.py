"""What a webhook subscriber is owed, in which order, and when to try again; pure, for the delivering round and the doors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

EVENT_TYPES = frozenset(
    {
        "usual.inventory.reorder.v1",
        "usual.inventory.reroute.v1",
        "usual.inventory.command_withdrawn.v1",
        "usual.inventory.command_status.v1",
        "usual.inventory.command_escalated.v1",
    }
)
"""What may be subscribed to: versions of commands, their withdrawal, what becomes of them, and those that somebody should look at."""
PING_TYPE = "usual.webhook.ping.v1"
GONE = 410
"""The answer that ends a subscription, by the Standard Webhooks specification."""
TRIPS_AT = 5
"""So many failures in a row open the circuit: from then on one probe at a time."""
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=15)


class State(StrEnum):
    """Whether a subscription is delivered to."""

    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One entry of the log of commands, as it is sent. `message_id` is the same at every attempt and in every replay."""

    position: int
    message_id: str
    item_id: str
    type: str
    occurred_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A subscription and how its endpoint does. All up to `cursor` was answered 2xx, or not wanted."""

    webhook_id: str
    url: str
    event_types: frozenset[str]
    cursor: int
    run: int = 1
    """Raised by each replay: the delivery log keeps the runs apart."""
    state: State = State.ACTIVE
    disabled_for: str | None = None
    failures: int = 0
    """Attempts that failed since the last that did not."""
    failing_since: datetime | None = None
    next_attempt_at: datetime | None = None

    @property
    def is_tripped(self) -> bool:
        """Whether the circuit is open."""
        return self.failures >= TRIPS_AT

    def is_due(self, now: datetime) -> bool:
        """Whether anything may be sent to it."""
        return self.state is State.ACTIVE and (self.next_attempt_at is None or self.next_attempt_at <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is known of one entry on its way to one subscriber."""

    position: int
    message_id: str
    item_id: str
    type: str
    attempts: int = 0
    first_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    status: int | None = None
    """The last HTTP status; None where there was no answer."""
    error: str | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether it was answered 2xx."""
        return self.delivered_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt ended."""

    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own bounds


def chains(
    webhook: Webhook, window: Sequence[LoggedEvent], known: Mapping[int, Delivery], now: datetime
) -> list[list[LoggedEvent]]:
    """What may be sent at `now`: one list an item, in the order of the log; an item whose first entry rests is left out.

    Lists may be sent side by side, the entries of one only one after the other, and none after one that failed. With the
    circuit open it is one entry, the oldest.
    """
    by_item: dict[str, list[LoggedEvent]] = {}
    for entry in window:
        if entry.type in webhook.event_types and not _is_delivered(known, entry.position):
            by_item.setdefault(entry.item_id, []).append(entry)
    ready = [chain for chain in by_item.values() if _is_ready(known.get(chain[0].position), now)]
    if webhook.is_tripped and ready:
        return [[min((chain[0] for chain in ready), key=lambda entry: entry.position)]]
    return ready


def moved_cursor(webhook: Webhook, window: Sequence[LoggedEvent], known: Mapping[int, Delivery]) -> int:
    """The greatest position up to which the subscriber has all that it wants. `window` follows the cursor without a gap."""
    cursor = webhook.cursor
    for entry in window:
        if entry.type in webhook.event_types and not _is_delivered(known, entry.position):
            return cursor
        cursor = entry.position
    return cursor


def attempted(before: Delivery, outcome: Outcome, now: datetime, jitter: float) -> Delivery:
    """The delivery after an attempt. `jitter` from 0 to 1 spreads repeats."""
    after = replace(
        before,
        attempts=before.attempts + 1,
        first_attempt_at=before.first_attempt_at or now,
        last_attempt_at=now,
        status=outcome.status,
        error=outcome.error,
    )
    if outcome.is_success:
        return replace(after, delivered_at=now, next_attempt_at=None)
    return replace(after, next_attempt_at=now + wait(after.attempts, jitter, outcome.retry_after))


def heard(webhook: Webhook, outcome: Outcome, now: datetime, jitter: float) -> Webhook:
    """The subscription after an attempt: any success closes the circuit, failures in a row open it, 410 ends it."""
    if outcome.is_success:
        return replace(webhook, failures=0, failing_since=None, next_attempt_at=None)
    if outcome.status == GONE:
        return disabled(webhook, "gone")
    failures = webhook.failures + 1
    rests = failures >= TRIPS_AT or outcome.retry_after is not None
    until = now + wait(max(failures - TRIPS_AT + 1, 1), jitter, outcome.retry_after) if rests else None
    return replace(webhook, failures=failures, failing_since=webhook.failing_since or now, next_attempt_at=until)


def given_up(webhook: Webhook, oldest_failing: datetime | None, now: datetime, patience: timedelta) -> Webhook:
    """The subscription, disabled when its endpoint, or one entry, failed for longer than the patience lasts."""
    since = min((at for at in (webhook.failing_since, oldest_failing) if at is not None), default=None)
    if webhook.state is not State.ACTIVE or since is None or now - since < patience:
        return webhook
    return disabled(webhook, "failing")


def disabled(webhook: Webhook, reason: str) -> Webhook:
    """The subscription at rest: its cursor stays, so that nothing is lost when it is enabled again."""
    return replace(webhook, state=State.DISABLED, disabled_for=reason, next_attempt_at=None)


def enabled(webhook: Webhook) -> Webhook:
    """The subscription in force again, as if it had never failed."""
    return replace(webhook, state=State.ACTIVE, disabled_for=None, failures=0, failing_since=None, next_attempt_at=None)


def replayed(webhook: Webhook, after: int) -> Webhook:
    """The subscription with everything behind the position `after` before it, whether it was delivered or not."""
    return replace(enabled(webhook), cursor=after, run=webhook.run + 1)


def wait(attempts: int, jitter: float, asked: timedelta | None = None) -> timedelta:
    """How long to rest after so many failures: doubling, capped, half of it spread; at least what the endpoint asked for.

    >>> wait(1, 1.0), wait(4, 0.0), wait(40, 1.0) == LONGEST_WAIT
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=4), True)
    """
    step = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts - 1, 20)))
    own = step * (0.5 + jitter / 2)
    return own if asked is None else max(own, min(asked, LONGEST_WAIT))


def _is_delivered(known: Mapping[int, Delivery], position: int) -> bool:
    found = known.get(position)
    return found is not None and found.is_delivered


def _is_ready(found: Delivery | None, now: datetime) -> bool:
    return found is None or found.next_attempt_at is None or found.next_attempt_at <= now
