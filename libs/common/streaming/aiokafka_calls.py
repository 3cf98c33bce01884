"""What every reader of this package does with aiokafka's consumers; called by its sources and its reader."""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka.errors import KafkaError

from libs.common.streaming.batch import Record, TopicPartition
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings


async def start_consumer(consumer: Any, deadline_seconds: float) -> None:
    """Connect a consumer that has no group; raises BrokerUnavailable."""
    try:
        await asyncio.wait_for(consumer.start(), deadline_seconds)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"cannot connect: {type(error).__name__}") from error


async def stop_consumer(consumer: Any, deadline_seconds: float) -> None:
    """Disconnect a consumer that has no group; returns in any case, after the deadline at the latest."""
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait({stopping}, timeout=deadline_seconds)
    stopping.cancel()
    # With brokers down, stop() lets a CancelledError out that nobody asked for.
    with contextlib.suppress(Exception, asyncio.CancelledError):
        await stopping


async def fetch(
    consumer: Any, settings: StreamSettings, partitions: Collection[TopicPartition] | None
) -> Mapping[Any, Sequence[Any]]:
    """What the consumer gives next, by its own names: of all its partitions, or what is at hand of some."""
    some = () if partitions is None else [aiokafka.TopicPartition(one.topic, one.partition) for one in partitions]
    wait_ms = int(settings.poll_seconds * 1000) if partitions is None else 0
    fetched: Mapping[Any, Sequence[Any]] = await consumer.getmany(
        *some, timeout_ms=wait_ms, max_records=settings.batch_max_records
    )
    return fetched


def records_of(fetched: Iterable[Any]) -> Sequence[Record]:
    """Aiokafka's records as ours."""
    return [
        Record(
            offset=found.offset, key=found.key, headers=found.headers, value=found.value, timestamp_ms=found.timestamp
        )
        for found in fetched
    ]
