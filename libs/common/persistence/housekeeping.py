"""Forgets what no repeat can need any more; one part of each worker."""

from datetime import timedelta

from libs.common.clock import Clock
from libs.common.persistence.backoff import Backoff
from libs.common.persistence.inbox import PRUNED_TOGETHER, prune_inbox
from libs.common.persistence.relay import RelayLoop
from libs.common.persistence.transaction import Transactions

INBOX_WINDOW = timedelta(days=35)
"""A week beyond the longest that raw events stay in a topic."""


class Housekeeping:
    """Prunes the inbox at its start and every hour, in transactions that end in time however much there is to forget."""

    def __init__(
        self,
        transactions: Transactions,
        *,
        clock: Clock,
        backoff: Backoff,
        window: timedelta = INBOX_WINDOW,
        together: int = PRUNED_TOGETHER,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._window = window
        self._together = together
        self._loop = RelayLoop(self.run_once, name="housekeeping", backoff=backoff, idle_seconds=3_600.0)

    async def run(self) -> None:
        """Work until `stop`."""
        await self._loop.run()

    def stop(self) -> None:
        """End `run`."""
        self._loop.stop()

    async def run_once(self) -> int:
        """Prune all that may go, so many a transaction; returns 0 so that the loop rests."""
        before, gone = self._clock.now() - self._window, self._together
        while gone >= self._together:
            async with self._transactions.begin() as tx:
                gone = await prune_inbox(tx, before=before, most=self._together)
        return 0
