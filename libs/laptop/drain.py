"""Where the system stands behind what was sent: offsets against logs, outboxes, work queues, the ERP.

For plays that must not run ahead, for lockstep, and for the verifier; an observer with the superuser's eyes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import asyncpg

from libs.common.contracts.topics import INGEST_PLAY
from libs.common.streaming.cluster import Cluster
from libs.common.streaming.settings import StreamSettings
from libs.laptop.launch import READS, SERVICES

POLL_SECONDS = 0.02
_LONGEST_POLL_SECONDS = 0.25
_SLOWER = 1.25
"""Each look costs the broker and the database work that they have not got to spare while much waits."""
NEAR_POLL_SECONDS = 0.1
WORK_QUEUES = ("profile.dirty_customers",)
"""Rows that a worker has taken in and not worked off yet; beside the outboxes that every schema has."""
ErpIdle = Callable[[Mapping[tuple[str, int], int]], Awaitable[bool]]
"""Whether the ERP has handled everything up to these log ends and has nothing under way."""


class NotDrained(Exception):
    """The system did not come to rest in time; the message says what still waits."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A moment: what waits where. `behind` counts records by consumer group, `waiting` rows by table.

    `ticks_behind`: of the clock's ticks (each is an hour of event time) how many its slowest reader has not handled.
    """

    behind: Mapping[str, int]
    waiting: Mapping[str, int]
    ticks_behind: int = 0

    @property
    def at_rest(self) -> bool:
        """Whether nothing waits anywhere."""
        return not any(self.behind.values()) and not any(self.waiting.values())

    def __str__(self) -> str:
        parts = [f"{name}: {count}" for name, count in [*self.behind.items(), *self.waiting.items()] if count]
        return ", ".join(parts) or "at rest"


class Observer:
    """Looks at the databases and the broker; changes nothing."""

    def __init__(self, database_url: str, settings: StreamSettings, services: Sequence[str] = SERVICES) -> None:
        self._services = tuple(services)
        self._url = database_url.replace("+asyncpg", "")
        self._cluster = Cluster(settings)
        self._connection: asyncpg.Connection | None = None
        self._incarnation = ""
        self._query = ""

    async def __aenter__(self) -> Self:
        self._connection = await asyncpg.connect(self._url, timeout=10.0)
        self._incarnation = await self._cluster.incarnation()
        self._query = await self._waiting_query()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()
        await self._cluster.close()

    @property
    def connection(self) -> asyncpg.Connection:
        """The superuser's connection, for those who look deeper; raises RuntimeError outside `async with`."""
        if self._connection is None:
            raise RuntimeError("the observer has no connection yet")
        return self._connection

    @property
    def incarnation(self) -> str:
        """The broker's log that offsets are compared with."""
        return self._incarnation

    async def offsets(self) -> Mapping[tuple[str, str, int], int]:
        """The next offset by (group, topic, partition), of this broker's log."""
        return _offsets(await self.connection.fetch(self._query, self._incarnation))

    async def standing(self) -> Standing:
        """What waits now. At rest it stays at rest unless somebody sends something.

        The databases are read as one snapshot, the logs after it: what is equal then was equal all along.
        """
        rows = await self.connection.fetch(self._query, self._incarnation)
        offsets = _offsets(rows)
        ends = await self._cluster.end_offsets({topic for _, topic, _ in offsets} | self._expected_topics())
        behind = self._not_begun(offsets, ends)
        ticks_behind = 0
        for group, topic in {(group, topic) for group, topic, _ in offsets}:
            there = {partition: end for (name, partition), end in ends.items() if name == topic}
            of_topic = sum(end - offsets.get((group, topic, partition), 0) for partition, end in there.items())
            behind[group] = behind.get(group, 0) + of_topic
            if topic == INGEST_PLAY.name:
                ticks_behind = max(ticks_behind, of_topic)
        waiting = {row["what"]: row["count"] for row in rows if row["topic"] is None}
        return Standing(behind, waiting, ticks_behind)

    def _expected_topics(self) -> set[str]:
        return {topic for service in self._services for topic in READS.get(service, ())}

    def _not_begun(
        self, offsets: Mapping[tuple[str, str, int], int], ends: Mapping[tuple[str, int], int]
    ) -> dict[str, int]:
        """Records of topics that a service reads, but of which it has claimed no partition yet; an empty one counts 1."""
        begun = {(group.partition("-")[0], topic) for group, topic, _ in offsets}
        behind: dict[str, int] = {}
        for service in self._services:
            for topic in READS.get(service, ()):
                if (service, topic) not in begun:
                    waiting = sum(end for (name, _), end in ends.items() if name == topic)
                    behind[service] = behind.get(service, 0) + max(waiting, 1)
        return behind

    async def until_at_rest(self, *, within_seconds: float = 60.0, erp_idle: ErpIdle | None = None) -> None:
        """Return once nothing waits anywhere; raises NotDrained."""
        deadline = time.monotonic() + within_seconds
        for wait_seconds in _waits():
            # The ERP first: what it sent before it was idle is then seen below.
            idle = erp_idle is None or await erp_idle(await self._erp_ends())
            standing = await self.standing()
            if idle and standing.at_rest:
                return
            if time.monotonic() > deadline:
                raise NotDrained(f"{standing}{'' if idle else ', the ERP is at work'}")
            await asyncio.sleep(wait_seconds)

    async def until_known_at_the_till(self, *, within_seconds: float = 60.0) -> None:
        """Return once checkouts know everything that was accepted before this call; raises NotDrained."""
        deadline = time.monotonic() + within_seconds
        since = await self.connection.fetchval("SELECT clock_timestamp()")
        while not await self.connection.fetchval(_KNOWN_AT_THE_TILL, since):
            if time.monotonic() > deadline:
                raise NotDrained("offers has not heard that profiles are complete")
            await asyncio.sleep(POLL_SECONDS)

    async def until_near(self, records: int, ticks: int, *, within_seconds: float = 60.0) -> None:
        """Return once no group is more than `records` or `ticks` behind, or the time is over: for callers that pace themselves."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            standing = await self.standing()
            if max(standing.behind.values(), default=0) <= records and standing.ticks_behind <= ticks:
                return
            await asyncio.sleep(NEAR_POLL_SECONDS)

    async def _erp_ends(self) -> Mapping[tuple[str, int], int]:
        return await self._cluster.end_offsets(ERP_TOPICS)

    async def _waiting_query(self) -> str:
        """One statement, so one snapshot: offsets of all services, and how many rows wait in each table."""
        schemas = self._services
        tables = [f"{service}.outbox" for service in schemas]
        found = await self.connection.fetch(_EXISTING, [*tables, *WORK_QUEUES])
        counts = [f"SELECT '{row['name']}', count(*) FROM {row['name']}" for row in found]  # noqa: S608 - our own names
        counts += [
            f"SELECT '{row['name']}', count(*) FROM {row['name']} WHERE {row['newest']} > {row['published']}"  # noqa: S608 - names come from the catalogue
            for row in await self.connection.fetch(_VERSIONED, list(schemas))
        ]
        offsets = [
            f"SELECT consumer_group, next_offset, topic, partition FROM {service}.offsets WHERE incarnation = $1"  # noqa: S608 - our own names
            for service in schemas
        ]
        waiting = [f"SELECT what, count, NULL, NULL::int FROM ({count}) AS waiting (what, count)" for count in counts]  # noqa: S608 - as above
        return f"SELECT what, count, topic, partition FROM ({' UNION ALL '.join([*offsets, *waiting])}) AS all_of_it (what, count, topic, partition)"  # noqa: S608 - as above


ERP_TOPICS = ("inventory.commands.v1", INGEST_PLAY.name)
_EXISTING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
_KNOWN_AT_THE_TILL = "SELECT min(fresh_at) > $1 FROM offers.feeds WHERE topic = 'profile.snapshots.v1'"
_VERSIONED = """
    SELECT format('%I.%I', published.table_schema, published.table_name) AS name,
           quote_ident(newest.column_name) AS newest, quote_ident(published.column_name) AS published
    FROM information_schema.columns AS published
    JOIN information_schema.columns AS newest
      ON (newest.table_schema, newest.table_name) = (published.table_schema, published.table_name)
     AND published.column_name = 'published_' || newest.column_name
    WHERE published.table_schema = ANY ($1)
"""


def _waits() -> Iterator[float]:
    """How long to wait after each look: soon after the first ones, then less and less often."""
    seconds = POLL_SECONDS
    while True:
        yield seconds
        seconds = min(seconds * _SLOWER, _LONGEST_POLL_SECONDS)


def _offsets(rows: list[asyncpg.Record]) -> Mapping[tuple[str, str, int], int]:
    return {(row["what"], row["topic"], row["partition"]): row["count"] for row in rows if row["topic"] is not None}
