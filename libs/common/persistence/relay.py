"""The loop that both relays share: work while there is work, idle briefly, wait out outages, stop between batches."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from libs.common.persistence.backoff import Backoff
from libs.common.persistence.messages import Sender
from libs.common.persistence.metrics import RelayMetrics
from libs.common.persistence.transaction import Transaction, Transactions

_log = logging.getLogger(__name__)


_SHORTEST_REST_SECONDS = 0.01
_REST_AFTER_SOME_SECONDS = 0.05
_WAITS_FOR_BROKER = text("SELECT set_config('idle_in_transaction_session_timeout', '30s', true)")


async def allow_waiting(tx: Transaction) -> None:
    """Let this transaction idle for as long as a send may take; it holds nothing but the relay's own claim."""
    await tx.connection.execute(_WAITS_FOR_BROKER)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRuntime:
    """What the relays of one process share, and their pace: how many rows at a time, and how often they look."""

    transactions: Transactions
    sender: Sender
    clock: Clock
    metrics: RelayMetrics
    backoff: Backoff
    batch_rows: int = 500
    idle_seconds: float = 0.1
    measure_seconds: float = 1.0


class RelayLoop:
    """Calls `cycle` (which returns how much it did) until stopped: at once again after `full` or more, after a little rest else."""

    def __init__(
        self, cycle: Callable[[], Awaitable[int]], *, name: str, backoff: Backoff, idle_seconds: float, full: int = 1
    ) -> None:
        self._cycle = cycle
        self._full = full
        self._name = name
        self._backoff = backoff
        self._idle_seconds = idle_seconds
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop`. A RetryableError waits and goes on; anything else raises."""
        failures, idle_seconds = 0, self._idle_seconds
        while not self._stopped.is_set():
            try:
                done = await self._cycle()
            except RetryableError as error:
                failures += 1
                _log.warning("relay %s waits: %s", self._name, error.slug, extra={"detail": error.detail})
                await self._rest(self._backoff.delay_seconds(failures))
                continue
            failures = 0
            if done:
                idle_seconds = 0.0
                if done < self._full:
                    # That was all there was: what comes in the meantime leaves together.
                    await self._rest(min(self._idle_seconds, _REST_AFTER_SOME_SECONDS))
                continue
            # Work comes in runs: look again soon after some, then less and less often.
            idle_seconds = min(self._idle_seconds, idle_seconds + _SHORTEST_REST_SECONDS)
            await self._rest(idle_seconds)

    def stop(self) -> None:
        """Let `run` end after the present cycle."""
        self._stopped.set()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
