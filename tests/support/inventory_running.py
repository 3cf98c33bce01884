"""An inventory service on a real database without a broker: events go through the worker's own handlers, batch by batch."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr
from sqlalchemy import text

from libs.common.contracts import TOPIC_OF_TYPE, Event, decode
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.persistence import Timeouts, make_engine, mark_seen, run_migrations
from libs.common.persistence.messages import decode_headers
from libs.common.streaming import Batch, TopicPartition
from services.inventory.bootstrap import SERVICE, Parts, assemble
from services.inventory.bootstrap.roles import closer_of, reviewer_of
from services.inventory.consumer import facts_handler
from services.inventory.settings import Settings
from services.inventory.store import store_of
from tests.support.inventory_events import at
from tests.support.postgres import Database


@dataclass
class RunningInventory:
    """Applies events and reviews on demand; what it holds is read from its tables."""

    parts: Parts

    async def take(self, events: Iterable[Event]) -> None:
        """One batch a topic, in one transaction each, repeats dropped; then what the service sent to itself."""
        by_topic: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_topic[TOPIC_OF_TYPE[event.type].name].append(event)
        for topic, batch in by_topic.items():
            await self.apply(topic, batch)
        demand = await self.sent("inventory.demand.v1")
        if demand:
            await self.apply("inventory.demand.v1", demand)

    async def apply(self, topic: str, events: Sequence[Event]) -> Batch:
        """One batch of one topic, as the consumer applies it."""
        handler = facts_handler(store_of, self.parts.metrics, self.parts.clock)
        async with self.parts.transactions.begin() as tx:
            new = await mark_seen(tx, [event.event_id for event in events], scope="inventory")
            fresh = list({event.event_id: event for event in events if event.event_id in new}.values())
            batch = Batch(
                partition=TopicPartition(topic, 0),
                group="inventory",
                incarnation="test",
                events=fresh,
                _records={id(event): _ARecord() for event in fresh},  # type: ignore[misc]  # only its refusal is looked at
            )
            if fresh:
                await handler(tx, batch)
        return batch

    async def review(self, days: float) -> Counter[str]:
        """What a tick does when event time has reached that day."""
        return await reviewer_of(self.parts).run(at(days))

    async def close(self, days: float, *, batch_items: int | None = None, **changes: Any) -> int:
        """Close every whole day before that one."""
        closer = closer_of(self.parts)
        if batch_items is not None:
            closer = replace(closer, batch=replace(closer.batch, items=batch_items))
        return await replace(closer, **changes).run(at(days))

    async def learned(self) -> dict[str, list[dict[str, Any]]]:
        """All that closes left, byte for byte."""
        tables = {"item_learning": "item_id", "closes": "day", "plans": "item_id", "contributions": "day, part"}
        return {table: await self.rows(f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()}  # noqa: S608  # our own names

    async def open_commands(self) -> list[dict[str, Any]]:
        """What was asked for and is not over, in the order of ids."""
        return await self.rows(
            """SELECT command_id, version, kind, status, item_id, store_id, from_store_id, quantity_milli, needed_at
               FROM commands WHERE status NOT IN ('rejected', 'closed', 'expired') ORDER BY command_id"""
        )

    async def sent(self, topic: str) -> list[Event]:
        """What waits in the outbox for a topic, taken out."""
        rows = await self.rows("DELETE FROM outbox WHERE topic = :topic RETURNING id, headers, value", topic=topic)
        rows.sort(key=lambda row: int(row["id"]))
        return [decode(decode_headers(row["headers"]), row["value"]) for row in rows]

    async def commands_sent(self) -> list[Reorder | Reroute]:
        """The commands that waited to leave, in order."""
        found = [event.data for event in await self.sent("inventory.commands.v1")]
        return [command for command in found if isinstance(command, (Reorder, Reroute))]

    async def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self.parts.transactions.begin() as tx:
            found = await tx.connection.execute(text(sql), parameters)
            return [dict(row._mapping) for row in found]

    async def shelves(self) -> dict[tuple[str, str], tuple[float, float]]:
        """On hand and sold, by item and store."""
        rows = await self.rows("SELECT item_id, store_id, on_hand, sold_units FROM stock")
        return {(row["item_id"], row["store_id"]): (float(row["on_hand"]), float(row["sold_units"])) for row in rows}

    async def state(self) -> dict[str, list[dict[str, Any]]]:
        """All that reviews decided, but for the reviews' own tallies."""
        tables = {
            "commands": "command_id",
            "availability": "item_id, store_id",
            "plans": "item_id",
            "agenda": "item_id",
        }
        return {table: await self.rows(f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()}  # noqa: S608  # our own names


class _ARecord:
    """Stands for the record that a refused event came in."""

    def as_dead_letter(self, reason: str, detail: str) -> tuple[str, str]:
        return reason, detail


def settings_for(database: Database, **changes: Any) -> Settings:
    """Settings on this database; the broker is somewhere else unless named."""
    defaults: dict[str, Any] = {
        "database_url": SecretStr(database.url("inventory")),
        "kafka_bootstrap": "127.0.0.1:1",
        "partitions_cap": 4,
        "play_mode": True,
        "approve_everything": True,
    }
    return Settings(**{**defaults, **changes})


async def migrated(settings: Settings) -> None:
    """Make the schema."""
    url = settings.database_url.get_secret_value()
    engine = make_engine(url, schema=SERVICE, application_name="test", timeouts=Timeouts.migrate())
    await run_migrations(engine, f"services.{SERVICE}.migrations", SERVICE)
    await engine.dispose()


@asynccontextmanager
async def running_inventory(database: Database, **changes: Any) -> AsyncIterator[RunningInventory]:
    """A migrated service; its pool is closed at the end."""
    settings = settings_for(database, **changes)
    await migrated(settings)
    parts = assemble(settings, "worker")
    try:
        yield RunningInventory(parts)
    finally:
        await parts.engine.dispose()
