"""The only reader of the wall clock; everything else takes `now` as a parameter or a Clock from its composition root."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time; replaced by a fixed one in tests and by event time in a deployment that plays a data set."""

    def now(self) -> datetime:
        """The present, timezone-aware, in UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds of a clock that never goes back; for durations only."""
        ...


class SystemClock:
    """The server's own clock."""

    def now(self) -> datetime:
        """The server's time in UTC."""
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()


class FixedClock:
    """A clock that stands still until moved; for tests and for replays."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._at = at
        self._elapsed_seconds = 0.0

    def now(self) -> datetime:
        """The time that was set."""
        return self._at

    def monotonic_seconds(self) -> float:
        """Seconds moved so far."""
        return self._elapsed_seconds

    def move(self, step: timedelta) -> None:
        """Go forward by `step`; raises ValueError for a step back."""
        if step < timedelta(0):
            raise ValueError("a clock does not go back")
        self._at += step
        self._elapsed_seconds += step.total_seconds()
