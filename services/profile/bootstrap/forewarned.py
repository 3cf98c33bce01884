"""A worker that knows who was forgotten before it applies the first event: so a rebuild, or an older backup, brings nobody back."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from libs.common.contracts import Event, decode
from libs.common.contracts.topics import PROFILE_ERASURES
from libs.common.errors import RetryableError
from libs.common.streaming import Consumer, StreamSettings
from libs.common.streaming.reader import TopicReader
from services.profile.bootstrap.parts import Parts
from services.profile.handlers.erasing import catch_up
from services.profile.store import PostgresProfileStore

_TOGETHER = 500
_log = structlog.get_logger(__name__)


class Forewarned:
    """The consumer, begun when every erasure that the topic still holds is noted here. Without a broker it waits."""

    def __init__(self, parts: Parts, consumer: Consumer, settings: StreamSettings) -> None:
        self.consumer = consumer
        self._parts = parts
        self._settings = settings
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Read the erasures, then consume until `stop`."""
        attempt = 0
        while not self._stopping.is_set():
            try:
                await forewarn(self._parts, self._settings, self._stopping)
            except RetryableError as error:
                attempt += 1
                _log.warning("erasures are not read yet", slug=error.slug, detail=error.detail)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._parts.backoff.delay_seconds(attempt))
            else:
                await self.consumer.run()
                return

    def stop(self) -> None:
        """End `run` as soon as what is under way is done."""
        self._stopping.set()
        self.consumer.stop()


async def forewarn(parts: Parts, settings: StreamSettings, stopping: asyncio.Event) -> None:
    """Note every erasure that the topic holds now, unless it is stopped before. Raises RetryableError."""
    asked: list[Event] = []
    async with TopicReader(settings, [PROFILE_ERASURES.name]) as reader:
        while not await reader.at_end():
            asked += [decode(record.headers, record.value) for record in await reader.read()]
            if stopping.is_set():
                return
    for first in range(0, len(asked), _TOGETHER):
        await _note(parts, asked[first : first + _TOGETHER])


async def _note(parts: Parts, asked: Sequence[Event]) -> None:
    async with parts.transactions.begin() as tx:
        missing = await catch_up(PostgresProfileStore(tx), asked, parts.clock)
    if missing:
        _log.info("people who were forgotten elsewhere are forgotten here", erasures=missing)
