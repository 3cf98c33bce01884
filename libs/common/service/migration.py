"""The role `migrate`: brings a service's schema and its topics to this release, and is nothing else."""

from collections.abc import Iterable
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.contracts import TOPICS, Topic
from libs.common.persistence import Timeouts, make_engine, run_migrations
from libs.common.service.settings import ServiceSettings
from libs.common.streaming import ensure_topics

_log = structlog.get_logger(__name__)


async def migrate_service(service: str, settings: ServiceSettings) -> None:
    """Apply the migrations, make the topics. Safe to repeat, and for several at once.

    Raises RetryableError, or what the database says of a migration that does not fit.
    """
    engine = engine_for_migration(service, settings)
    try:
        applied = await run_migrations(engine, f"services.{service}.migrations", service)
    finally:
        await engine.dispose()
    topics = list(own_topics(service, settings.partitions_cap))
    await ensure_topics(settings.stream(f"{service}-migrate"), topics, replication=settings.topic_replication)
    _log.info("migrated", applied=list(applied), topics=[topic.name for topic in topics])


def engine_for_migration(service: str, settings: ServiceSettings) -> AsyncEngine:
    """A database connection with a migration's time limits."""
    return make_engine(
        settings.database_url.get_secret_value(),
        schema=service,
        application_name=f"{service}-migrate",
        timeouts=Timeouts.migrate(),
    )


def own_topics(service: str, partitions_cap: int) -> Iterable[Topic]:
    """The topics that `service` owns, none with more partitions than the cap."""
    return (
        replace(topic, partitions=min(topic.partitions, partitions_cap)) for topic in TOPICS if topic.owner == service
    )
