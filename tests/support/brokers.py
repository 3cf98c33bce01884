"""The two brokers that every streaming law is tested on: the embedded one and a real Apache Kafka."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from libs.laptop.apache_kafka import ApacheKafka, missing
from libs.laptop.embedded_broker import EmbeddedBroker

EMBEDDED = "embedded"
KAFKA = "kafka"


class Broker(Protocol):
    """What a test may know of a broker, whichever it is."""

    name: str
    idempotence: bool

    @property
    def bootstrap(self) -> str:
        """What a client connects to."""
        ...

    async def start(self) -> str:
        """Start it, or start it again after `stop`."""
        ...

    async def stop(self) -> None:
        """Stop it."""
        ...


@contextlib.contextmanager
def running_broker(kind: str, folder: Path) -> Iterator[Broker]:
    """One broker of `kind` for many tests, each of which uses topics of its own."""
    broker: Broker = EmbeddedBroker(folder) if kind == EMBEDDED else real_kafka(folder)
    asyncio.run(broker.start())
    try:
        yield broker
    finally:
        asyncio.run(broker.stop())


def real_kafka(folder: Path, *, brokers: int = 1, settings: Mapping[str, str] | None = None) -> ApacheKafka:
    """An Apache Kafka to start; raises RuntimeError where the machine can't run one."""
    if reason := missing():
        raise RuntimeError(f"these tests need real Apache Kafka: {reason}")
    return ApacheKafka(folder, brokers=brokers, settings=settings)


def unique(prefix: str) -> str:
    """A name that no other test uses, for topics and groups on a shared broker."""
    return f"{prefix}.{uuid4().hex[:8]}"
