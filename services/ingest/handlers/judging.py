"""What each event of a request comes to before anything is sent: judged, told apart from repeats, its person protected.

One event after the other goes all the way, so that only its message is left of it when the next one comes: a request's
events wait for the broker side by side, and what they hold meanwhile is memory that the next request's find cold.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.domain.documents import Document
from services.ingest.handlers.protecting import Protection, Ready, Waiting
from services.ingest.handlers.repeats import Repeat, Repeats
from services.ingest.handlers.results import KeyHolder
from services.ingest.handlers.timekeeping import Timekeeping

Fate = Ready | Waiting | Refused | Repeat


@dataclass(slots=True, kw_only=True)
class Judge:
    """Judges the events of one request, in their order."""

    caller: KeyHolder
    rules: Rules
    now: datetime
    repeats: Repeats
    protection: Protection
    timekeeping: Timekeeping
    _held: set[str] = field(default_factory=set)
    """Partition keys of events that wait for a key: what comes after them waits too, so that their order stays."""

    def fate_of(self, document: Document, place: int) -> Fate:
        """What the request's event at `place` comes to; never raises for what is wrong with it."""
        verdict = admit(document, self.caller, self.rules, self.now)
        self.timekeeping.note(verdict, self.caller, self.now)
        fate = verdict if isinstance(verdict, Refused) else self.repeats.judge(verdict, document, place)
        return self._protected(fate) if isinstance(fate, Accepted) else fate

    def _protected(self, accepted: Accepted) -> Ready | Waiting:
        fate = self.protection.protect(accepted, self.caller.country, self._held)
        if isinstance(fate, Waiting):
            self._held.add(fate.draft.event.partition_key)
        return fate
