"""Notes whose clock is wrong and what came late; called by judging, read by `GET /v1/clocks`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ingest.domain.admission import Accepted, Refused
from services.ingest.domain.clocks import ClockTally, Terminal
from services.ingest.handlers.results import KeyHolder
from services.ingest.metrics import IngestMetrics

_LATE = timedelta(minutes=1)
"""Below this an event is on time, and costs no figure."""


@dataclass(frozen=True, slots=True)
class Timekeeping:
    """The clocks of those who send to this process."""

    tally: ClockTally
    metrics: IngestMetrics
    play_mode: bool = False
    """In a play event time is the clock: nothing is late and no clock is wrong."""

    def note(self, verdict: Accepted | Refused, caller: KeyHolder, now: datetime) -> None:
        """Count this event; one on time by a right clock costs next to nothing."""
        if self.play_mode:
            return
        if isinstance(verdict, Accepted):
            self._note_accepted(verdict, caller, now)
        elif verdict.skew is not None:
            terminal = Terminal(caller.store_id, verdict.name.source or "")
            self._note_wrong("quarantined", terminal, verdict.skew, now)

    def _note_accepted(self, verdict: Accepted, caller: KeyHolder, now: datetime) -> None:
        event = verdict.event
        if event.claimed_at is not None:
            terminal = Terminal(caller.store_id, event.source, getattr(event.data, "terminal_id", None))
            self._note_wrong("corrected", terminal, event.claimed_at - event.occurred_at, now)
        elif (late := now - event.occurred_at) > _LATE:
            self.metrics.late_seconds.observe(late.total_seconds())

    def _note_wrong(self, outcome: str, terminal: Terminal, skew: timedelta, now: datetime) -> None:
        self.metrics.clocks_wrong.labels(outcome).inc()
        self.tally.note(terminal, skew.total_seconds(), now)
