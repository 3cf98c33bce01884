"""Durations that a busy machine does not stretch: a time in which it let nothing of this process run counts for a beat."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

_BEAT_SECONDS = 0.01
_LONGEST_BEAT_SECONDS = 0.05


class Stopwatch:
    """What has counted since it was made, looked at by a thread that does nothing else: code that computes does not stop it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted = 0.0
        self._looked_at = monotonic()

    @property
    def seconds(self) -> float:
        """So far."""
        self.look()
        return self._counted

    def look(self) -> None:
        """Count what passed since the last look."""
        with self._lock:
            now = monotonic()
            self._counted += min(now - self._looked_at, _LONGEST_BEAT_SECONDS)
            self._looked_at = now


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """One that runs during the block and may be read in it."""
    watch, ended = Stopwatch(), threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT_SECONDS):
            watch.look()

    beating = threading.Thread(target=beat, name="stopwatch", daemon=True)
    beating.start()
    try:
        yield watch
    finally:
        ended.set()
        beating.join()
