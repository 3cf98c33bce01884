"""How far the loop that answers tills is behind: what is due now runs so much later."""

import asyncio
import contextlib

from libs.common.clock import Clock

_BEAT_SECONDS = 0.02
_FADES = 0.8
"""Of a lag that is over, so much is left after a beat: who was behind a moment ago may be again."""


class LoopLag:
    """Measures from `run` to `stop`."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = 0.0
        self._clock = clock
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Look at the clock at every beat."""
        due = self._clock.monotonic_seconds()
        while not self._stopping.is_set():
            due += _BEAT_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), max(0.0, due - self._clock.monotonic_seconds()))
            now = self._clock.monotonic_seconds()
            self.seconds = max(now - due, self.seconds * _FADES)
            due = max(due, now)

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()
