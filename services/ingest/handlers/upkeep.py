"""Measures the quarantine and forgets what is too old; a loop of the API's process, apart from the path of events."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import structlog

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from services.ingest.metrics import IngestMetrics, type_label
from services.ingest.ports import QuarantineStore, Wanted

_FORGOTTEN_TOGETHER = 500
"""Few enough that one statement stays far below the API's limit."""
_TIMES_A_ROUND = 100
"""So many that more is forgotten than a door can keep, so few that a stop need not wait for long."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One round at a time; it shares nothing with events but the connection pool, of which it takes one."""

    store: QuarantineStore
    metrics: IngestMetrics
    clock: Clock
    kept: timedelta

    async def round(self) -> int:
        """Forget what is too old, a little at a time, then measure; returns 0, so that a loop rests: to measure reads all that waits.

        Raises RetryableError for whatever ails the database: the door does not depend on it.
        """
        before = self.clock.now() - self.kept
        try:
            for _ in range(_TIMES_A_ROUND):
                if await self.store.forget(before=before, limit=_FORGOTTEN_TOGETHER) < _FORGOTTEN_TOGETHER:
                    break
            await self._measure()
        except RetryableError:
            raise
        except Exception as error:
            _log.warning("upkeep of the quarantine failed", error=type(error).__name__)
            raise RetryableError("the quarantine cannot be looked after", slug="quarantine-unavailable") from error
        return 0

    async def _measure(self) -> None:
        waiting: Counter[tuple[str, str]] = Counter()
        for one in await self.store.classes(Wanted(state="waiting")):
            waiting[type_label(one.type), one.slug] += one.events
        self.metrics.quarantine_waiting.clear()
        for labels, events in waiting.items():
            self.metrics.quarantine_waiting.labels(*labels).set(events)
