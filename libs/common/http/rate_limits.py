"""How many events a key and a store may bring a second; doors call `take` once they know how many have come.

A token bucket for each, kept as one number: when it will be full again. A request may overdraw its bucket, so that a
batch of any size passes some time; the next one then waits until the debt is paid, and the rate holds in the long run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter

from libs.common.clock import Clock
from libs.common.errors import Kind, UsualError

_PRUNE_ABOVE = 10_000
_ROUNDING_SECONDS = 1e-6
"""More than what sums of floats lose, less than an event takes."""


class Limited(Protocol):
    """Whose events are counted; a Credential."""

    @property
    def key_id(self) -> str:
        """The key."""
        ...

    @property
    def store_id(self) -> str:
        """The store that the key is bound to; `*` is none."""
        ...

    @property
    def events_per_second(self) -> float | None:
        """The key's own limit; None is the common one, 0 is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Events a second; 0 is no limit. `burst_seconds`: a bucket holds what its rate yields in this time."""

    key_per_second: float
    store_per_second: float
    burst_seconds: int


class RateLimited(UsualError):
    """Too many events in a short time: nothing of the request was taken, it may come again after `wait_seconds`."""

    kind = Kind.TOO_MANY
    slug = "rate-limited"

    def __init__(self, policy: str, *, per_second: float, burst_seconds: int, wait_seconds: float) -> None:
        super().__init__(
            f"more than {per_second:g} events a second of one {policy}; nothing of this request was taken",
            context={"violated-policies": [policy]},
        )
        self.policy = policy
        window_seconds = max(burst_seconds, math.ceil(1 / per_second))
        retry_seconds = max(1, math.ceil(wait_seconds))
        self.headers: Mapping[str, str] = {
            "Retry-After": str(retry_seconds),
            "RateLimit-Policy": f'"{policy}";q={math.floor(per_second * window_seconds)};w={window_seconds}',
            "RateLimit": f'"{policy}";r=0;t={retry_seconds}',
        }
        """As the IETF's draft-ietf-httpapi-ratelimit-headers names them; quotas count events."""


@dataclass(slots=True)
class _Buckets:
    """When each bucket is full again, in seconds of the monotonic clock. Full ones need not be remembered."""

    policy: str
    burst_seconds: int
    full_at: dict[str, float] = field(default_factory=dict)
    prune_above: int = _PRUNE_ABOVE

    def full_again(self, name: str, per_second: float, now: float) -> float:
        """When it will be full, not before `now`; raises RateLimited while nothing is left in it."""
        full_at = self.full_at.get(name, now)
        if full_at - now > self.burst_seconds - _ROUNDING_SECONDS:
            raise RateLimited(
                self.policy,
                per_second=per_second,
                burst_seconds=self.burst_seconds,
                wait_seconds=full_at - now - self.burst_seconds,
            )
        return max(full_at, now)

    def remember(self, name: str, full_at: float, now: float) -> None:
        """Keep it; what is full is forgotten from time to time."""
        self.full_at[name] = full_at
        if len(self.full_at) > self.prune_above:
            self.full_at = {known: at for known, at in self.full_at.items() if at > now}
            self.prune_above = max(_PRUNE_ABOVE, 2 * len(self.full_at))


class RateLimits:
    """The limits of one process."""

    def __init__(self, rates: Rates, clock: Clock, registry: CollectorRegistry) -> None:
        self._rates = rates
        self._clock = clock
        self._keys = _Buckets("key", rates.burst_seconds)
        self._stores = _Buckets("store", rates.burst_seconds)
        self._refused = Counter(
            "http_rate_limited_total",
            "Requests sent away because their key, or their store, brought too many events.",
            ["policy"],
            registry=registry,
        )

    def take(self, caller: Limited, events: int) -> None:
        """Count `events` for the caller's key, and for its store if it is bound to one.

        Raises RateLimited and counts nothing. With 0 events it only asks: a caller in debt can be sent away before its
        body is read.
        """
        now = self._clock.monotonic_seconds()
        own = caller.events_per_second
        key_rate = self._rates.key_per_second if own is None else own
        store_rate = self._rates.store_per_second if caller.store_id != "*" else 0.0
        try:
            key_full_at = self._keys.full_again(caller.key_id, key_rate, now) if key_rate else now
            store_full_at = self._stores.full_again(caller.store_id, store_rate, now) if store_rate else now
        except RateLimited as refusal:
            self._refused.labels(refusal.policy).inc()
            raise
        if key_rate:
            self._keys.remember(caller.key_id, key_full_at + events / key_rate, now)
        if store_rate:
            self._stores.remember(caller.store_id, store_full_at + events / store_rate, now)
