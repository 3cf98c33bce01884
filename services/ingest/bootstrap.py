"""The composition root: makes the parts, joins them, opens and closes them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, SystemClock
from libs.common.contracts import TOPICS, Topic
from libs.common.errors import UsualError
from libs.common.http.credentials import Credentials
from libs.common.observability.health import Check, Health
from libs.common.persistence import OutboxMessage, Timeouts, Transactions, make_engine, run_migrations
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.producer import Producer
from libs.common.streaming.topics import ensure_topics
from services.ingest.domain.intake import Intake
from services.ingest.handlers import FrontDoor
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import QuarantineStore
from services.ingest.settings import Settings
from services.ingest.store import PostgresQuarantine

SCHEMA = "ingest"
MIGRATIONS = "services.ingest.migrations"
_CONNECT_DEADLINE_SECONDS = 5.0
_CONNECT_PAUSE_SECONDS = 0.5
_log = structlog.get_logger(__name__)


class BrokerPublisher:
    """The streaming producer as the door's publisher. Until the broker was reached once it refuses at once."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._connecting: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self.reached = asyncio.Event()

    def start(self) -> None:
        """Begin to connect in the background, again and again until the broker is reached."""
        self._connecting = asyncio.create_task(self._connect())

    async def stop(self) -> None:
        """Send what is queued, under a deadline, and close."""
        self._stopped.set()
        if self._connecting is not None:
            # A try that is under way ends at its deadline; cut off, it would leave its connection open.
            await self._connecting
        await self._producer.stop()

    async def _connect(self) -> None:
        while not (self.reached.is_set() or self._stopped.is_set()):
            try:
                await self._producer.start()
            except BrokerUnavailable as error:
                _log.warning("waiting for the broker", detail=error.detail)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), _CONNECT_PAUSE_SECONDS)
            else:
                self.reached.set()

    async def publish(self, messages: Sequence[OutboxMessage]) -> Sequence[UsualError | None]:
        """Per message None when acknowledged, else why not."""
        if not self.reached.is_set():
            return [BrokerUnavailable("the broker was not reached yet")] * len(messages)
        if len(messages) > 1:
            return await self._producer.send_many(messages)
        # Many lone events share one batch this way; each with a batch of its own they would queue for round trips.
        only = messages[0]
        try:
            await self._producer.send(only.topic, key=only.key, headers=only.headers, value=only.value)
        except UsualError as error:
            return [error]
        return [None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """The parts of a running door."""

    settings: Settings
    door: FrontDoor
    quarantine: QuarantineStore
    credentials: Credentials
    intake: Intake
    health: Health
    registry: CollectorRegistry
    publisher: BrokerPublisher
    engine: AsyncEngine


def assemble(settings: Settings, clock: Clock | None = None) -> Ingest:
    """Join the parts; nothing connects yet."""
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    intake = Intake(settings.in_flight_bytes)
    engine = make_engine(
        settings.database_url.get_secret_value(), schema=SCHEMA, application_name="ingest-api", timeouts=Timeouts.api()
    )
    publisher = BrokerPublisher(Producer(settings.stream(deadline_seconds=settings.publish_deadline_seconds)))
    quarantine = PostgresQuarantine(Transactions(engine, SCHEMA))
    door = FrontDoor(
        publisher=publisher,
        quarantine=quarantine,
        clock=clock,
        rules=settings.rules(),
        metrics=IngestMetrics(registry, taken_bytes=lambda: intake.taken_bytes),
        publish_deadline_seconds=settings.publish_deadline_seconds,
        quarantine_deadline_seconds=settings.quarantine_deadline_seconds,
    )
    health = Health()
    health.ready["broker_reached"] = _has_reached(publisher)
    return Ingest(
        settings=settings,
        door=door,
        quarantine=quarantine,
        credentials=Credentials(settings.credentials_file, clock),
        intake=intake,
        health=health,
        registry=registry,
        publisher=publisher,
        engine=engine,
    )


@contextlib.asynccontextmanager
async def running(ingest: Ingest) -> AsyncIterator[None]:
    """Connect in the background; at the end send what is queued and close."""
    ingest.publisher.start()
    try:
        yield
    finally:
        await ingest.publisher.stop()
        await ingest.engine.dispose()


async def migrate(settings: Settings) -> None:
    """Bring schema and topics to this release; raises RetryableError or what the database says."""
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        application_name="ingest-migrate",
        timeouts=Timeouts.migrate(),
    )
    try:
        applied = await run_migrations(engine, MIGRATIONS, SCHEMA)
    finally:
        await engine.dispose()
    topics = list(own_topics(settings.partitions_cap))
    stream = settings.stream(deadline_seconds=_CONNECT_DEADLINE_SECONDS)
    await ensure_topics(stream, topics, replication=settings.topic_replication)
    _log.info("migrated", applied=list(applied), topics=[topic.name for topic in topics])


def own_topics(partitions_cap: int) -> Iterable[Topic]:
    """The topics that this service owns, none with more partitions than the cap."""
    return (
        replace(topic, partitions=min(topic.partitions, partitions_cap)) for topic in TOPICS if topic.owner == SCHEMA
    )


def _has_reached(publisher: BrokerPublisher) -> Check:
    async def check() -> bool:
        return publisher.reached.is_set()

    return check
