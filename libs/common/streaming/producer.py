"""Sends to Kafka and waits for the acknowledgement, always under a deadline; used by ingest and by the relays."""

import asyncio
import contextlib
import logging
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2

from libs.common.errors import UsualError
from libs.common.persistence.messages import MAX_MESSAGE_BYTES, Message
from libs.common.streaming.errors import BrokerUnavailable, SendRefused, SendTooLarge, SendUnknown
from libs.common.streaming.settings import StreamSettings

_log = logging.getLogger(__name__)
Place = tuple[str, int]
"""A topic, and one of its partitions."""
_MAX_BATCH_BYTES = 256 * 1024
_NOT_WRITTEN = (
    InvalidTopicError,
    NotEnoughReplicasError,
    ProducerClosed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)


class Producer:
    """Keeps one aiokafka producer and replaces it when its sequence is broken.

    A send that is not acknowledged in time is unknown, not failed: an idempotent producer goes on trying in the
    background. Send the same event again, under the same id.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._connecting = asyncio.Lock()

    async def start(self) -> None:
        """Connect now instead of at the first send; raises BrokerUnavailable."""
        await self._connected()

    async def stop(self) -> None:
        """Send what is queued, under a deadline, then leave the rest; returns in any case."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._discard(producer, self._settings.stop_deadline_seconds / 2)

    async def send(
        self, topic: str, *, key: bytes | None, headers: Sequence[tuple[str, bytes]], value: bytes | None
    ) -> None:
        """Return when every in-sync replica has it. Raises SendUnknown, SendRefused, SendTooLarge or BrokerUnavailable."""
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if size > MAX_MESSAGE_BYTES:
            raise SendTooLarge(f"{size} bytes (limit {MAX_MESSAGE_BYTES})")
        producer = await self._connected()
        try:
            async with asyncio.timeout(self._settings.call_deadline_seconds):
                acknowledged = await producer.send(topic, value=value, key=key, headers=list(headers))
                await asyncio.shield(acknowledged)
        except (KafkaError, OSError) as error:
            raise await self._translate(error, producer) from error

    async def places_of(self, messages: Sequence[Message]) -> Mapping[Place | UsualError, Sequence[int]]:
        """The messages, by number, by where they go: to the partition that every Kafka client computes.

        Those that go nowhere are listed by why. Never raises for a message's own fate.
        """
        counts = {topic: await self._partitions(topic) for topic in {message.topic for message in messages}}
        found: dict[Place | UsualError, list[int]] = defaultdict(list)
        for number, message in enumerate(messages):
            count = counts[message.topic]
            found[(message.topic, _hash(message) % count) if isinstance(count, int) else count].append(number)
        return found

    async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when acknowledged, else its error; never raises for a message's own fate.

        Partitions go side by side, each as `send_to` has it.
        """
        outcomes: list[UsualError | None] = [None] * len(messages)
        places = await self.places_of(messages)
        sending = [self.send_to(place, [messages[number] for number in numbers]) for place, numbers in places.items()]
        told = [await sending[0]] if len(sending) == 1 else await asyncio.gather(*sending)
        for numbers, own in zip(places.values(), told, strict=True):
            for number, outcome in zip(numbers, own, strict=True):
                outcomes[number] = outcome
        return outcomes

    async def send_to(self, place: Place | UsualError, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """As `send_many`, of messages of one place: in order, one acknowledged batch after the other.

        After a failure nothing later is sent.
        """
        if isinstance(place, UsualError):
            return [place] * len(messages)
        outcomes: list[UsualError | None] = []
        failure: UsualError | None = None
        try:
            producer = await self._connected()
        except BrokerUnavailable as error:
            return [error] * len(messages)
        while failure is None and len(outcomes) < len(messages):
            batch, before = producer.create_batch(), len(outcomes)
            for message in islice(messages, before, None):
                headers = message.headers if isinstance(message.headers, list) else list(message.headers)
                if batch.append(timestamp=None, key=message.key, value=message.value, headers=headers) is None:
                    break
                outcomes.append(None)
            failure = await self._send_batch(producer, batch, *place)
            if failure is not None:
                outcomes[before:] = [failure] * (len(outcomes) - before)
        not_sent = SendRefused("not sent: an earlier message was not acknowledged")
        return [*outcomes, *[not_sent] * (len(messages) - len(outcomes))]

    async def _send_batch(self, producer: Any, batch: Any, topic: str, partition: int) -> UsualError | None:
        batch.close()
        try:
            async with asyncio.timeout(self._settings.call_deadline_seconds):
                acknowledged = await producer.send_batch(batch, topic, partition=partition)
                await asyncio.shield(acknowledged)
        except (KafkaError, OSError) as error:
            return await self._translate(error, producer)
        return None

    async def _partitions(self, topic: str) -> int | UsualError:
        """How many it has, or why it has none."""
        try:
            producer = await self._connected()
            async with asyncio.timeout(self._settings.call_deadline_seconds):
                return len(await producer.partitions_for(topic))
        except BrokerUnavailable as error:
            return error
        except (KafkaError, OSError) as error:
            return SendRefused(f"topic not found: {type(error).__name__}")

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

    async def _connect(self) -> Any:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap,
            client_id=self._settings.client_id,
            acks="all",
            enable_idempotence=self._settings.idempotence,
            linger_ms=0,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES + 64 * 1024,
            request_timeout_ms=int(self._settings.call_deadline_seconds * 1000),
            metadata_max_age_ms=60_000,
        )
        try:
            async with asyncio.timeout(self._settings.call_deadline_seconds):
                await producer.start()
        except (KafkaError, OSError) as error:
            await self._discard(producer, 0.0)
            raise BrokerUnavailable(f"cannot connect: {type(error).__name__}") from error
        return producer

    async def _translate(self, error: Exception, producer: Any) -> UsualError:
        """What a failed send means; a broken sequence also costs the producer its life."""
        name = type(error).__name__
        if isinstance(error, MessageSizeTooLargeError):
            return SendTooLarge(f"the broker refused it: {name}")
        if isinstance(error, _NOT_WRITTEN):
            return SendRefused(f"not written: {name}")
        if isinstance(error, OutOfOrderSequenceNumber) and self._producer is producer:
            # Seen in the field: every later send fails too, until the producer is another one.
            self._producer = None
            _log.warning("producer replaced after %s", name)
            await self._discard(producer, 0.0)
        return SendUnknown(f"no acknowledgement: {name}")

    async def _discard(self, producer: Any, grace_seconds: float) -> None:
        """Flush within the grace, then end its tasks for certain.

        stop() alone waits for ever while brokers are down, and what it leaves would overwrite newer states later.
        """
        stopping = asyncio.ensure_future(producer.stop())
        done, _ = await asyncio.wait({stopping}, timeout=grace_seconds)
        if done:
            if not stopping.cancelled() and stopping.exception() is not None:
                _log.warning("producer stop failed: %s", type(stopping.exception()).__name__)
            return
        stopping.cancel()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await stopping
        sender = producer._sender  # noqa: SLF001  # there is no public way to end it
        closing = [producer.client.close(), *([sender.close()] if sender and sender.sender_task else [])]
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.gather(*reversed(closing), return_exceptions=True), 1.0)


def _hash(message: Message) -> int:
    return (zlib.crc32(message.value or b"") if message.key is None else _key_hash(message.key)) & 0x7FFFFFFF


@lru_cache(maxsize=65_536)
def _key_hash(key: bytes) -> int:
    return int(murmur2(key))
