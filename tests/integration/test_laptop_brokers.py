"""Both brokers: what they promise alike, and where they differ."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from libs.laptop.apache_kafka import ApacheKafka
from libs.laptop.broker_probe import ask
from libs.laptop.embedded_broker import EmbeddedBroker
from tests.support.brokers import KAFKA, Broker, real_kafka, unique


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def producer(bootstrap: str, *, idempotence: bool) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=idempotence)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def make_topic(bootstrap: str, topic: str, *, replicas: int = 1) -> None:
    async with admin(bootstrap) as client:
        answer = await client.create_topics([NewTopic(topic, 1, replicas)])
        assert [code for _, code, _ in answer.topic_errors] == [0]


async def values_in(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """The first `count` values, read by a group that starts at the beginning."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=unique("g"), auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def cluster_id(bootstrap: str) -> str:
    async with admin(bootstrap) as client:
        return str((await client.describe_cluster())["cluster_id"])


async def test_keys_values_headers_and_tombstones_arrive_as_sent(broker: Broker) -> None:
    topic = unique("laptop")
    await make_topic(broker.bootstrap, topic)
    async with producer(broker.bootstrap, idempotence=broker.idempotence) as sender:
        await sender.send_and_wait(topic, b"{}", key=b"k", headers=[("ce_id", b"1"), ("ce_type", "é".encode())])
        await sender.send_and_wait(topic, None, key=b"k")
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        first, second = [await consumer.getone() for _ in range(2)]
    finally:
        await consumer.stop()
    assert (first.key, first.value, first.headers) == (b"k", b"{}", (("ce_id", b"1"), ("ce_type", "é".encode())))
    assert (second.value, second.offset) == (None, 1)


async def test_a_client_reads_the_incarnation_that_the_broker_was_started_with(broker: Broker) -> None:
    port = int(broker.bootstrap.rpartition(":")[2])
    seen = await ask(port)
    assert seen is not None
    assert await cluster_id(broker.bootstrap) == seen.id


async def test_an_embedded_broker_that_was_killed_is_a_new_incarnation_with_an_empty_log(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    await broker.start()
    try:
        first = await cluster_id(broker.bootstrap)
        await make_topic(broker.bootstrap, "t")
        await broker.kill()
        await broker.start()
        assert await cluster_id(broker.bootstrap) != first
        async with admin(broker.bootstrap) as client:
            assert await client.list_topics() == []
    finally:
        await broker.stop()
    assert await ask(broker.port) is None


@pytest.mark.kafka
async def test_a_killed_kafka_comes_back_with_its_log_and_its_incarnation(tmp_path: Path) -> None:
    kafka = real_kafka(tmp_path)
    bootstrap = await kafka.start()
    try:
        before = await cluster_id(bootstrap)
        await make_topic(bootstrap, "t")
        async with producer(bootstrap, idempotence=True) as sender:
            await sender.send_and_wait("t", b"before")
            await kafka.kill()
            await kafka.restart()
            await sender.send_and_wait("t", b"after")
        assert await values_in(bootstrap, "t", 2) == [b"before", b"after"]
        assert await cluster_id(bootstrap) == before
    finally:
        await kafka.stop()
    assert not kafka.child().running


@pytest.mark.kafka
async def test_three_kafka_brokers_lose_nothing_and_take_writes_while_one_is_dead(tmp_path: Path) -> None:
    kafka: ApacheKafka = real_kafka(tmp_path, brokers=3)
    bootstrap = await kafka.start()
    try:
        await make_topic(bootstrap, "t", replicas=3)
        async with producer(bootstrap, idempotence=True) as sender:
            await sender.send_and_wait("t", b"0")
            leader = (await _leaders(bootstrap, "t"))[0]
            await kafka.kill(leader)
            for number in range(1, 20):
                await sender.send_and_wait("t", b"%d" % number)
        assert await values_in(bootstrap, "t", 20) == [b"%d" % number for number in range(20)]
        await kafka.restart(leader)
    finally:
        await kafka.stop()


async def _leaders(bootstrap: str, topic: str) -> list[int]:
    async with admin(bootstrap) as client:
        (described,) = await client.describe_topics([topic])
        return [part["leader"] for part in described["partitions"]]


async def test_a_position_past_the_end_is_an_error_on_kafka_and_silence_on_the_embedded_broker(broker: Broker) -> None:
    topic = unique("laptop")
    await make_topic(broker.bootstrap, topic)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="none")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 100)
        if broker.name == KAFKA:
            with pytest.raises(OffsetOutOfRangeError):
                await consumer.getmany(timeout_ms=60_000)
        else:
            assert await consumer.getmany(timeout_ms=500) == {}
    finally:
        await consumer.stop()


async def test_idempotent_producers_work_on_kafka_and_are_refused_by_the_embedded_broker(broker: Broker) -> None:
    sender = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
    try:
        if broker.idempotence:
            await sender.start()
        else:
            with pytest.raises(KafkaError):
                await sender.start()
    finally:
        await sender.stop()
