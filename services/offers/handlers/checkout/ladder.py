"""The ladder: a checkout is answered from the highest tier that is there, and never later than its deadline."""

import asyncio
from collections.abc import Awaitable, Callable

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from services.offers.handlers.checkout.breaker import Breaker
from services.offers.handlers.checkout.loop_lag import LoopLag
from services.offers.handlers.decisions.asking import Answered, Attempt, Checkout, without
from services.offers.handlers.leases.standby import Standby
from services.offers.metrics import OffersMetrics
from services.offers.ports.checkout import Overloaded

STANDBY_SECONDS = 0.05
"""Of the deadline, what is kept for an answer from leases: the journal's sync."""
BEHIND_RATIO = 0.1
"""Of its deadline: where this process is so far behind with its work, none is begun for a checkout."""
_FAIR_SECONDS = 0.1
"""Who gives the database less says nothing about it."""

DecidedBy = Callable[[Checkout, Attempt], Awaitable[Answered]]


class Ladder:
    """Tiers 0 and 1 while the database answers, 2 from leases when it does not, 3 when there is nothing else."""

    def __init__(self, clock: Clock, metrics: OffersMetrics, *, most_under_way: int, standby: Standby | None) -> None:
        self.standby = standby
        self.lag = LoopLag(clock)
        self.behind_ratio = BEHIND_RATIO
        self.standby_seconds = STANDBY_SECONDS
        self.breaker = Breaker()
        self._clock = clock
        self._metrics = metrics
        self._most_under_way = most_under_way
        self._under_way = 0

    async def answered(self, checkout: Checkout, left_seconds: float, decide: DecidedBy) -> Answered:
        """The answer, within `left_seconds` whatever is down or slow. When too many are under way, or we are behind: tier 3, at once."""
        try:
            told = self.standby.told(checkout) if self.standby else None
        except RetryableError as error:
            return without(checkout, error.slug)
        if told is not None:
            return told
        behind = self.lag.seconds > checkout.deadline_seconds * self.behind_ratio
        if behind or self._under_way >= self._most_under_way:
            self._metrics.ladder.shed.inc()
            return without(checkout, Overloaded.slug)
        self._under_way += 1
        try:
            return await self._answered(checkout, left_seconds, decide)
        finally:
            self._under_way -= 1

    async def _answered(self, checkout: Checkout, left_seconds: float, decide: DecidedBy) -> Answered:
        until_seconds = self._clock.monotonic_seconds() + left_seconds
        standby = self.standby if self.standby is not None and self.standby.ready else None
        kept_seconds = min(self.standby_seconds, left_seconds / 4) if standby else 0.0
        attempt = Attempt()
        found = await self._decided(checkout, left_seconds - kept_seconds, decide, attempt)
        if isinstance(found, Answered):
            # Asked twice at a time, it may have been told something else meanwhile.
            told = self.standby.told(checkout) if self.standby else None
            return told or found
        if standby is None or found == Overloaded.slug:
            return without(checkout, found)
        try:
            left_seconds = until_seconds - self._clock.monotonic_seconds()
            if left_seconds <= 0:
                return without(checkout, found)
            async with asyncio.timeout(left_seconds):
                return await standby.hand_out(checkout, found, attempt) or without(checkout, found)
        except (TimeoutError, RetryableError) as error:
            self._metrics.ladder.lease_failures.labels(getattr(error, "slug", "deadline")).inc()
            return without(checkout, found)

    async def _decided(self, checkout: Checkout, seconds: float, decide: DecidedBy, attempt: Attempt) -> Answered | str:
        """The database's answer, or why there is none."""
        if not self.breaker.lets_through(self._clock.monotonic_seconds()):
            return "database-slow"
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                found = await decide(checkout, attempt)
        except TimeoutError:
            if seconds >= _FAIR_SECONDS:
                self.breaker.failed(self._clock.monotonic_seconds())
            return "deadline"
        except RetryableError as error:
            return error.slug
        self.breaker.worked()
        return found
