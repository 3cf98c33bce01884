"""Which time counts for money."""

from dataclasses import dataclass
from datetime import datetime

from libs.common.clock import Clock


@dataclass(frozen=True, slots=True)
class MoneyClock:
    """The server's time; in a deployment that plays a data set the event's own, never before what the play has reached.

    So no till revives a code by stating an earlier time.
    """

    clock: Clock
    play_mode: bool

    def now(self, *, stated: datetime | None, reached: datetime | None) -> datetime:
        """The time that counts. `stated` is the caller's or the event's, `reached` is that of the last tick."""
        known = [at for at in (stated, reached) if at is not None] if self.play_mode else []
        return max(known, default=self.clock.now())
