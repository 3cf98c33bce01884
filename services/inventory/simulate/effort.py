"""What a played world costs the machine: CPU of this process and of its PostgreSQL, an event and a close at a time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Effort:
    """CPU seconds since it was made, split where a close was among a batch's events. `server_pid` is PostgreSQL's first process."""

    server_pid: int | None = None
    events: int = 0
    closes: int = 0
    facts_seconds: float = 0.0
    close_seconds: float = 0.0
    slowest_close_seconds: float = 0.0

    @contextmanager
    def facts(self, events: int) -> Iterator[None]:
        """Count what taking these events in costs."""
        began = self._spent()
        yield
        self.events += events
        self.facts_seconds += self._spent() - began

    @contextmanager
    def close(self) -> Iterator[None]:
        """Count what the close of a day costs."""
        began = self._spent()
        yield
        spent = self._spent() - began
        self.closes += 1
        self.close_seconds += spent
        self.slowest_close_seconds = max(self.slowest_close_seconds, spent)

    def summary(self) -> str:
        """In a line."""
        each = self.facts_seconds / max(self.events, 1) * 1e6
        close = self.close_seconds / max(self.closes, 1) * 1000
        return (
            f"{self.events} events at {each:.0f} us, {self.closes} closes at {close:.0f} ms, the longest "
            f"{self.slowest_close_seconds * 1000:.0f} ms; CPU of the service and of PostgreSQL"
        )

    def _spent(self) -> float:
        own = psutil.Process()
        found = sum(own.cpu_times()[:2])
        if self.server_pid is None:
            return float(found)
        server = psutil.Process(self.server_pid)
        for process in (server, *server.children()):
            with suppress(psutil.NoSuchProcess):
                found += sum(process.cpu_times()[:2])
        return float(found)
