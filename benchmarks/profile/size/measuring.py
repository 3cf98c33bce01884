"""What is measured of a filled database: bytes by table and index, the time of questions, the memory of the processes that use it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median, quantiles

import asyncpg
import psutil

from benchmarks.profile.running import Servers, cpu_seconds, started
from libs.laptop.child import Child
from libs.laptop.launch import Keys, Service

API = Service("profile", "api")
WARMING = 200
SMALL_BYTES = 100_000
OK, AWAY = 200, 503
_READY_SECONDS = 120.0
_SIZES = """
    SELECT relname AS name, pg_table_size(pg_class.oid) AS bytes, 'table' AS kind
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'profile' AND relkind = 'r'
    UNION ALL
    SELECT index.relname, pg_relation_size(index.oid), 'index'
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = index.relnamespace
    WHERE nspname = 'profile'
    ORDER BY bytes DESC
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """How long questions took, one after the other, on one open connection, from the request's first byte to the answer's last."""

    p50_ms: float
    p99_ms: float


async def sizes(connection: asyncpg.Connection) -> Mapping[str, int]:
    """Bytes of each table (with its long values) and each index that holds anything."""
    rows = await connection.fetch(_SIZES)
    return {f"{row['kind']} {row['name']}": row["bytes"] for row in rows if row["bytes"] > SMALL_BYTES}


async def asked(port: int, key: str, paths: Sequence[str]) -> Answered:
    """Ask for each path, again while the door says to; the first WARMING ones do not count. Raises ValueError for a refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    try:
        for path in paths:
            began, status = time.perf_counter(), AWAY
            while status == AWAY:  # the machine stood still for longer than a statement may take
                writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-Api-Key: {key}\r\n\r\n".encode())
                status, length = _head_of(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(length)
            if status != OK:
                raise ValueError(f"{path}: {status}")
            took.append(1_000 * (time.perf_counter() - began))
    finally:
        writer.close()
    counted = took[WARMING:]
    return Answered(median(counted), quantiles(counted, n=100)[98])


def _head_of(head: bytes) -> tuple[int, int]:
    lines = head.decode().lower().split("\r\n")
    length = next(line.partition(":")[2] for line in lines if line.startswith("content-length:"))
    return int(lines[0].split()[1]), int(length)


@dataclass(frozen=True, slots=True)
class Api:
    """What a door did: views by id, views by identifier, and its memory afterwards."""

    by_id: Answered
    by_identifier: Answered
    cpu_ms: float
    """Of the door's own process, a view."""
    postgres_cpu_ms: float
    """Of the database's processes, a view."""
    memory_mb: float


async def questioned(servers: Servers, names: Sequence[tuple[str, str]], chance: Random) -> Api:
    """Ask a door of its own for these customers, each a (customer id, identifier as its sender writes it), in any order."""
    async with started(servers, API) as (child, port):
        await child.wait_ready(_answers(port), within_seconds=_READY_SECONDS)
        key = Keys(servers.folder).key("office")
        some = chance.sample(names, len(names))
        asking = (child, servers.postgres.child)
        before = [cpu_seconds(process) for process in asking]
        by_id = await asked(port, key, [f"/v1/customers/{customer_id}" for customer_id, _ in some])
        by_identifier = await asked(port, key, [f"/v1/customers?identifier={raw}" for _, raw in some])
        door_ms, postgres_ms = (
            1_000 * (cpu_seconds(process) - spent) / (2 * len(some))
            for process, spent in zip(asking, before, strict=True)
        )
        return Api(by_id, by_identifier, door_ms, postgres_ms, memory_mb(child))


def memory_mb(child: Child) -> float:
    """Resident memory of a process and those that it started."""
    process = psutil.Process(child.pid)
    return float(sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))) / 1e6


def _answers(port: int) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    return answers
