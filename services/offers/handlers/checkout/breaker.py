"""A breaker: once a dependency was too slow for several callers in a row, only one now and then still waits for it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Counts waits that were in vain. Times are monotonic seconds of the caller's clock."""

    failures_to_open: int = 5
    probe_seconds: float = 0.25
    """How often one caller tries, while it is open."""
    _failures: int = 0
    _next_probe_seconds: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether callers are sent on without waiting."""
        return self._failures >= self.failures_to_open

    def lets_through(self, now_seconds: float) -> bool:
        """Whether this caller should wait for the dependency."""
        if not self.is_open:
            return True
        if now_seconds < self._next_probe_seconds:
            return False
        self._next_probe_seconds = now_seconds + self.probe_seconds
        return True

    def failed(self, now_seconds: float) -> None:
        """Somebody waited in vain."""
        self._failures += 1
        if self._failures == self.failures_to_open:
            self._next_probe_seconds = now_seconds + self.probe_seconds

    def worked(self) -> None:
        """Somebody was served in time."""
        self._failures = 0
