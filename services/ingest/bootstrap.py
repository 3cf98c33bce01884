"""The composition root: makes the parts, joins them, opens and closes them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, SystemClock
from libs.common.contracts import CONTRACTS, TOPIC_OF_TYPE
from libs.common.contracts.compiled import prepare
from libs.common.errors import InvalidInput, UsualError
from libs.common.http.credentials import Credentials
from libs.common.http.rate_limits import RateLimits
from libs.common.observability.health import Check, Health
from libs.common.persistence import Backoff, Message, Timeouts, Transactions, make_engine
from libs.common.persistence.relay import RelayLoop
from libs.common.sealing import KeyEncryptionKey
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.producer import Producer
from libs.common.streaming.together import Together
from services.ingest.domain.clocks import ClockTally
from services.ingest.domain.duplicates import Window
from services.ingest.domain.field_policy import FieldPolicy, read_policy
from services.ingest.domain.intake import Intake
from services.ingest.domain.personal import Treatments
from services.ingest.handlers import (
    FrontDoor,
    Mender,
    Protection,
    Quarantine,
    SealedEvents,
    Sealing,
    Timekeeping,
    Upkeep,
)
from services.ingest.handlers.sealing import KeyRules
from services.ingest.metrics import IngestMetrics
from services.ingest.ports import PersonKeyStore, QuarantineStore
from services.ingest.settings import Settings
from services.ingest.store import PostgresPersonKeys, PostgresQuarantine

SERVICE = "ingest"
_CONNECT_PAUSE_SECONDS = 0.5
_UPKEEP_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class BrokerPublisher:
    """The streaming producer as the door's publisher. Until the broker was reached once it refuses at once."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._together = Together(producer)
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
        await self._together.settle()
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

    async def publish(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when acknowledged, else why not."""
        if not self.reached.is_set():
            return [BrokerUnavailable("the broker was not reached yet")] * len(messages)
        return await self._together.send_many(messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """The parts of a running door."""

    settings: Settings
    door: FrontDoor
    quarantine: QuarantineStore
    mender: Mender
    sealing: Sealing
    upkeep: RelayLoop
    credentials: Credentials
    intake: Intake
    health: Health
    registry: CollectorRegistry
    publisher: BrokerPublisher
    engine: AsyncEngine


def assemble(settings: Settings, clock: Clock | None = None) -> Ingest:
    """Join the parts; nothing connects yet."""
    prepare(CONTRACTS[name] for name, topic in TOPIC_OF_TYPE.items() if topic.owner == SERVICE)
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    intake = Intake(settings.in_flight_bytes)
    engine = make_engine(
        settings.database_url.get_secret_value(), schema=SERVICE, application_name="ingest-api", timeouts=Timeouts.api()
    )
    publisher = BrokerPublisher(
        Producer(settings.stream("ingest-api", call_deadline_seconds=settings.publish_deadline_seconds))
    )
    quarantine = PostgresQuarantine(Transactions(engine, SERVICE))
    metrics = IngestMetrics(registry, taken_bytes=lambda: intake.taken_bytes)
    sealing = _sealing(settings, PostgresPersonKeys(Transactions(engine, SERVICE)), clock)
    events = SealedEvents(sealing, settings.pseudonyms())
    door = FrontDoor(
        publisher=publisher,
        protection=Protection(_treatments(settings), sealing),
        quarantine=Quarantine(
            store=quarantine, events=events, metrics=metrics, deadline_seconds=settings.quarantine_deadline_seconds
        ),
        rates=RateLimits(settings.rates(), clock, registry),
        window=Window(events=settings.duplicate_window_events, seconds=settings.duplicate_window_seconds),
        timekeeping=Timekeeping(ClockTally(settings.clock_terminals), metrics, settings.play_mode),
        clock=clock,
        rules=settings.rules(),
        metrics=metrics,
        publish_deadline_seconds=settings.publish_deadline_seconds,
    )
    health = Health()
    health.ready["broker_reached"] = _has_reached(publisher)
    return Ingest(
        settings=settings,
        door=door,
        quarantine=quarantine,
        mender=Mender(quarantine, events, door, clock),
        sealing=sealing,
        upkeep=_upkeep(quarantine, metrics, clock, settings),
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
    upkeep = asyncio.create_task(ingest.upkeep.run())
    try:
        yield
    finally:
        ingest.upkeep.stop()
        await upkeep
        await ingest.publisher.stop()
        await ingest.engine.dispose()


def _treatments(settings: Settings) -> Treatments:
    """What is done with personal data; raises InvalidInput for a policy or a secret that is none."""
    path = settings.field_policy_file
    try:
        policy = FieldPolicy() if path is None else read_policy(path.read_text())
    except (OSError, UnicodeError) as error:
        detail = f"USUAL_FIELD_POLICY_FILE: not readable ({type(error).__name__})"
        raise InvalidInput(detail, slug="field-policy-invalid") from error
    return Treatments(policy, settings.pseudonyms(), settings.country)


def _sealing(settings: Settings, store: PersonKeyStore, clock: Clock) -> Sealing:
    kek = KeyEncryptionKey.read(settings.key_encryption_key_file, "USUAL_KEY_ENCRYPTION_KEY_FILE")
    rules = KeyRules(
        cached=settings.person_keys_cached,
        cached_seconds=settings.person_key_cached_seconds,
        deadline_seconds=settings.person_key_deadline_seconds,
    )
    return Sealing(store, kek, clock, rules)


def _upkeep(store: QuarantineStore, metrics: IngestMetrics, clock: Clock, settings: Settings) -> RelayLoop:
    upkeep = Upkeep(store, metrics, clock, timedelta(days=settings.quarantine_kept_days))
    patient = Backoff(random=Random(SERVICE), base_seconds=1.0, cap_seconds=60.0)
    return RelayLoop(upkeep.round, name="quarantine-upkeep", backoff=patient, idle_seconds=_UPKEEP_SECONDS)


def _has_reached(publisher: BrokerPublisher) -> Check:
    async def check() -> bool:
        return publisher.reached.is_set()

    return check
