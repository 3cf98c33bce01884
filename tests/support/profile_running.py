"""A profile service on a real database without a broker: events go through the worker's own handler, batch by batch."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from libs.common.contracts import TOPIC_OF_TYPE, Event, decode_with
from libs.common.contracts.pos import Sale
from libs.common.contracts.profile import ProfileSnapshot
from libs.common.persistence import Timeouts, make_engine, mark_seen, run_migrations
from libs.common.streaming import Batch, BatchHandler, TopicPartition
from services.profile.bootstrap import Parts, assemble
from services.profile.bootstrap.parts import SERVICE
from services.profile.bootstrap.roles import LEARNED_TOPICS
from services.profile.consumer import learner_handler, worker_handler
from services.profile.handlers.folding import Folded, fold_dirty
from services.profile.handlers.memory import Judge, NeedsLearning
from services.profile.handlers.reevaluating import reevaluate
from services.profile.handlers.sales import read_sale
from services.profile.settings import Settings
from services.profile.store import PostgresProfileStore
from tests.support.postgres import Database
from tests.support.secrets import SECRET_FILE

LEARNED_FROM = {topic.name for topic in LEARNED_TOPICS}


@dataclass
class RunningProfile:
    """Applies events, folds and learns on demand; what it holds is read from its tables."""

    parts: Parts
    judge: Judge
    learning: NeedsLearning

    async def take(self, events: Iterable[Event]) -> None:
        """One batch a topic, in one transaction each, repeats dropped: as the consumer does it."""
        by_topic: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_topic[TOPIC_OF_TYPE[event.type].name].append(event)
        handler = worker_handler(PostgresProfileStore, self.parts.metrics)
        learner = learner_handler(PostgresProfileStore, self.learning)
        for topic, batch in by_topic.items():
            await self._apply(handler, topic, batch, scope="profile")
            if topic in LEARNED_FROM:
                await self._apply(learner, topic, batch, scope="profile-learner")

    async def tick(self, event: Event) -> None:
        """Event time has reached the event's."""
        await self._apply(
            learner_handler(PostgresProfileStore, self.learning), "ingest.play.v1", [event], scope="profile"
        )

    async def fold_once(self, limit: int = 200) -> Folded:
        async with self.parts.transactions.begin() as tx:
            return await fold_dirty(PostgresProfileStore(tx), limit, self.judge)

    async def fold_all(self) -> None:
        while (await self.fold_once()).marks:
            pass

    async def reevaluate_all(self, limit: int = 3) -> None:
        """Until everybody has been looked at under the rules in force, and folded where that changed something."""
        finished = False
        while not finished:
            async with self.parts.transactions.begin() as tx:
                finished = (await reevaluate(PostgresProfileStore(tx), limit, self.judge)).finished
        await self.fold_all()

    async def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self.parts.transactions.begin() as tx:
            found = await tx.connection.execute(text(sql), parameters)
            return [dict(row._mapping) for row in found]

    async def facets(self) -> list[dict[str, Any]]:
        """All facets, byte for byte, with everything worked in."""
        await self.fold_all()
        return await self.rows(
            """SELECT identifier, customer_id, state, receipts_count, lines_count, amount_cents, returns_count,
                      refund_cents, contacts_count, currency FROM facets ORDER BY identifier"""
        )

    async def snapshots(self) -> dict[str, ProfileSnapshot]:
        """The newest view of each customer that has one."""
        rows = await self.rows("SELECT customer_id, body FROM customers WHERE body IS NOT NULL")
        return {row["customer_id"]: ProfileSnapshot.model_validate_json(row["body"]) for row in rows}

    async def views(self) -> dict[str, dict[str, Any]]:
        """The same without what depends on how often was folded and when events were accepted."""
        return {
            customer_id: snapshot.model_dump(mode="json", exclude={"version", "accepted_at"})
            for customer_id, snapshot in (await self.snapshots()).items()
        }

    def restarted_learner(self, **changes: Any) -> "RunningProfile":
        """The same service with a learner process that remembers nothing."""
        return RunningProfile(self.parts, Judge(), a_learning(self.parts, **changes))

    async def _apply(self, handler: BatchHandler, topic: str, events: Sequence[Event], *, scope: str) -> None:
        events = [_READ(event.headers(), event.body()) for event in events]
        async with self.parts.transactions.begin() as tx:
            new = await mark_seen(tx, [event.event_id for event in events], scope=scope)
            fresh = []
            for event in events:
                if event.event_id in new:
                    new.discard(event.event_id)
                    fresh.append(event)
            records = {id(event): object() for event in fresh}
            batch = Batch(
                partition=TopicPartition(topic, 0),
                group="profile",
                incarnation="test",
                events=fresh,
                _records=records,  # type: ignore[arg-type]  # nothing is rejected here
            )
            if fresh:
                await handler(tx, batch)


_READ = decode_with({Sale: read_sale})
"""As the worker and the learner read what is in a log."""


def a_learning(parts: Parts, *, chunk_baskets: int = 7, customers_kept: int = 10_000) -> NeedsLearning:
    return NeedsLearning(
        interval=timedelta(seconds=parts.settings.learning_interval_seconds),
        chunk_baskets=chunk_baskets,
        published_items=parts.settings.published_items,
        customers_kept=customers_kept,
        metrics=parts.metrics,
        clock=parts.clock,
    )


def settings_for(database: Database, **changes: Any) -> Settings:
    """Settings on this database; the broker is somewhere else unless named."""
    defaults: dict[str, Any] = {
        "database_url": SecretStr(database.url("profile")),
        "kafka_bootstrap": "127.0.0.1:1",
        "pseudonym_key_file": SECRET_FILE,
        "partitions_cap": 4,
        "play_mode": True,
    }
    return Settings(**{**defaults, **changes})


async def migrated(settings: Settings) -> None:
    """Make the schema."""
    url = settings.database_url.get_secret_value()
    engine = make_engine(url, schema=SERVICE, application_name="test", timeouts=Timeouts.migrate())
    await run_migrations(engine, f"services.{SERVICE}.migrations", SERVICE)
    await engine.dispose()


@asynccontextmanager
async def running_profile(database: Database, **changes: Any) -> AsyncIterator[RunningProfile]:
    """A migrated service; its pool is closed at the end."""
    settings = settings_for(database, **changes)
    await migrated(settings)
    parts = assemble(settings, "worker")
    try:
        yield RunningProfile(parts, Judge(), a_learning(parts))
    finally:
        await parts.engine.dispose()
