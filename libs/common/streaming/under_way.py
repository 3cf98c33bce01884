"""The batches that a consumer has under way: at most one a partition, so that none is read before the one ahead of it is committed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from libs.common.streaming.batch import TopicPartition


class UnderWay:
    """Fits one task group: what fails in a batch ends the group, and leaving the group waits for all of them."""

    def __init__(self, tasks: asyncio.TaskGroup, most: int) -> None:
        self._tasks = tasks
        self._places = asyncio.Semaphore(most)
        self._most = most
        self._by_partition: dict[TopicPartition, asyncio.Task[None]] = {}

    @property
    def partitions(self) -> Collection[TopicPartition]:
        """Those whose batch is not through."""
        return self._by_partition.keys()

    def begin(self, partition: TopicPartition, apply: Callable[[], Awaitable[None]]) -> None:
        """Start it as soon as there is a place; never, where all are given up before."""
        task = self._tasks.create_task(self._in_place(apply), name=f"{partition.topic}[{partition.partition}]")
        self._by_partition[partition] = task
        task.add_done_callback(lambda _: self._by_partition.pop(partition))

    async def room(self) -> None:
        """Return when fewer are under way than may be."""
        while len(self._by_partition) >= self._most:
            await asyncio.wait(self._by_partition.values(), return_when=asyncio.FIRST_COMPLETED)

    async def one_through(self, partitions: Collection[TopicPartition], *, within_seconds: float) -> None:
        """Return when the batch of one of these is through, or when it is time; at once where one is already."""
        batches = [self._by_partition[partition] for partition in partitions if partition in self._by_partition]
        if batches and len(batches) == len(partitions):
            await asyncio.wait(batches, timeout=within_seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _in_place(self, apply: Callable[[], Awaitable[None]]) -> None:
        async with self._places:
            await apply()
