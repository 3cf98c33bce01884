"""What every role is made of: database, broker, clock, metrics, health; and the role `migrate`, which is nothing else."""

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, SystemClock
from libs.common.contracts import TOPICS, Topic
from libs.common.observability.health import Check, Health
from libs.common.persistence import Backoff, Timeouts, Transactions, is_current, make_engine, run_migrations
from libs.common.streaming import StreamMetrics, StreamRuntime, ensure_topics
from services.inventory.domain.replenishment import Policy
from services.inventory.metrics import InventoryMetrics
from services.inventory.settings import Settings

SCHEMA = "inventory"
MIGRATIONS = "services.inventory.migrations"
Role = Literal["api", "worker"]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The common parts of one process."""

    settings: Settings
    role: Role
    clock: Clock
    engine: AsyncEngine
    transactions: Transactions
    registry: CollectorRegistry
    metrics: InventoryMetrics
    health: Health
    backoff: Backoff

    def stream_runtime(self) -> StreamRuntime:
        """What the consumers of this process share; register its metrics once."""
        return StreamRuntime(
            settings=self.settings.stream(self.role),
            transactions=self.transactions,
            clock=self.clock,
            metrics=StreamMetrics(self.registry),
            backoff=self.backoff,
            owner=f"{socket.gethostname()}:{os.getpid()}",
        )

    def policy(self) -> Policy:
        """What this chain decides."""
        settings = self.settings
        return Policy(
            fast_target_ratio=settings.service_fast_ratio,
            usual_target_ratio=settings.service_usual_ratio,
            slow_target_ratio=settings.service_slow_ratio,
            transfer_line_cents=settings.transfer_line_cents,
            transfer_unit_cents=settings.transfer_unit_cents,
        )


def assemble(settings: Settings, role: Role, clock: Clock | None = None) -> Parts:
    """Join the common parts; nothing connects yet. Ready means: the schema is at this release."""
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        application_name=f"inventory-{role}",
        timeouts=Timeouts.api() if role == "api" else Timeouts.worker(),
        pool_size=5 if role == "api" else 8,
    )
    health = Health()
    health.ready["migrated"] = _is_migrated(engine)
    return Parts(
        settings=settings,
        role=role,
        clock=clock,
        engine=engine,
        transactions=Transactions(engine, SCHEMA),
        registry=registry,
        metrics=InventoryMetrics(registry),
        health=health,
        backoff=Backoff(random=Random(clock.now().timestamp())),
    )


async def migrate(settings: Settings) -> None:
    """Bring schema and topics to this release; raises RetryableError or what the database says."""
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        application_name="inventory-migrate",
        timeouts=Timeouts.migrate(),
    )
    try:
        applied = await run_migrations(engine, MIGRATIONS, SCHEMA)
    finally:
        await engine.dispose()
    topics = list(own_topics(settings.partitions_cap))
    await ensure_topics(settings.stream("migrate"), topics, replication=settings.topic_replication)
    _log.info("migrated", applied=list(applied), topics=[topic.name for topic in topics])


def own_topics(partitions_cap: int) -> Iterable[Topic]:
    """The topics that this service owns, none with more partitions than the cap."""
    return (
        replace(topic, partitions=min(topic.partitions, partitions_cap)) for topic in TOPICS if topic.owner == SCHEMA
    )


def _is_migrated(engine: AsyncEngine) -> Check:
    """Asked of the database until it says yes, once."""
    known = False

    async def check() -> bool:
        nonlocal known
        known = known or await is_current(engine, MIGRATIONS, SCHEMA)
        return known

    return check
