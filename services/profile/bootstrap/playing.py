"""Plays topics up to given ends into a namespace, through the worker's own handlers and folders; nothing leaves it."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from libs.common.contracts import Topic
from libs.common.contracts.topics import INGEST_CATALOG, OFFERS_VOUCHERS
from libs.common.errors import Conflict
from libs.common.streaming import Consumer, Subscription, TopicPartition
from libs.common.streaming.bounded_source import BoundedSource
from services.profile.bootstrap.parts import Parts
from services.profile.bootstrap.roles import SIDE_BY_SIDE, WORKER_GROUP, WORKER_TOPICS, in_great_batches
from services.profile.consumer import worker_handler
from services.profile.handlers.folding import fold_dirty
from services.profile.handlers.memory import Judge
from services.profile.store import PostgresProfileStore, RememberedItems

Ends = Mapping[TopicPartition, int]

STAGES: tuple[tuple[Topic, ...], ...] = (
    (INGEST_CATALOG,),
    tuple(topic for topic in WORKER_TOPICS if topic not in {INGEST_CATALOG, OFFERS_VOUCHERS}),
    (OFFERS_VOUCHERS,),
)
"""One after the other: a purchase is told of its items, and a voucher finds the facet that it belongs to."""
_LOOK_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Player:
    """Makes one namespace what the topics say."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._runtime = in_great_batches(parts.stream_runtime())
        self._handler = worker_handler(partial(PostgresProfileStore, remembered=RememberedItems()), parts.metrics)
        self._judge = Judge()

    async def play(self, ends: Ends) -> None:
        """Apply everything below `ends` that is not applied yet, and fold all of it.

        Raises LogRangeMissing when a topic does not reach back to where the namespace stands, Conflict when too much
        of a topic is invalid.
        """
        for topics in STAGES:
            names = {topic.name for topic in topics}
            wanted = {partition: end for partition, end in ends.items() if partition.topic in names}
            if wanted:
                await self._read(topics, wanted)
            await self._fold()

    async def _read(self, topics: tuple[Topic, ...], ends: Ends) -> None:
        source = BoundedSource(self._runtime.settings, ends)
        subscription = Subscription(group=WORKER_GROUP, topics=topics, deduplicate=True, side_by_side=SIDE_BY_SIDE)
        consumer = Consumer(self._runtime, subscription, self._handler, source=source)
        reading = asyncio.create_task(consumer.run())
        reached = asyncio.create_task(source.reached.wait())
        try:
            while not reached.done() and not reading.done():
                await asyncio.wait({reading, reached}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                _log.info("playing", topics=[topic.name for topic in topics], remaining=source.remaining)
                if not await consumer.flowing():
                    raise Conflict("too much of a topic cannot be read: see dead_letters", slug="rebuild-stopped")
        finally:
            reached.cancel()
            consumer.stop()
            await reading

    async def _fold(self) -> None:
        marks = 0
        while True:
            async with self._parts.transactions.begin() as tx:
                folded = await fold_dirty(PostgresProfileStore(tx), self._parts.settings.fold_batch_marks, self._judge)
            if not folded.marks:
                break
            marks += folded.marks
        _log.info("folded", marks=marks)
