"""A database that grows from one number of customers to the next; at each it is weighed, asked, and worked with."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import asyncpg

from benchmarks.profile.comparing import Console
from benchmarks.profile.running import Servers, serving
from benchmarks.profile.size.erasing import Scanned, scanned
from benchmarks.profile.size.filling import fill, history_for, named, raw_identifiers
from benchmarks.profile.size.histories import History, histories, purchases_of
from benchmarks.profile.size.measuring import WARMING, Api, questioned, sizes
from benchmarks.profile.size.working import Worked, published_to, worked
from benchmarks.profile.year import Progress
from libs.laptop.complete_journey import load
from libs.laptop.launch import Keys

HISTORIES, SEED = 4_000, 20
ASKED = 2_000
BAR_MS, TOLERANCE = 5.0, 0.10
_FILLING = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "maintenance_work_mem": "256MB",
}


@dataclass(frozen=True, slots=True)
class Size:
    """What was found at one number of customers; memory in MB by process."""

    customers: int
    bytes_by_relation: Mapping[str, int]
    api: Api
    worked: Worked
    erasing: Scanned

    @property
    def bytes_a_customer(self) -> float:
        """Of storage, indexes included."""
        return sum(self.bytes_by_relation.values()) / self.customers


def compare(numbers: Sequence[int]) -> None:
    """Fill and measure at each number (ascending) in a temporary folder, and print one table."""
    with TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), sorted(numbers)))


async def _compare(folder: Path, numbers: Sequence[int]) -> None:
    console = Console()
    print(f"Size: {', '.join(f'{number:,}' for number in numbers)} synthetic customers of {HISTORIES:,} histories")
    dataset = load()
    made = histories(purchases_of(dataset), HISTORIES, SEED)
    keys = Keys(folder)
    found: list[Size] = []
    async with serving(folder, 0, _FILLING) as servers:
        keys.make()
        pseudonyms = keys.pseudonyms(play=True)
        connection = await asyncpg.connect(servers.postgres.url().replace("+asyncpg", ""))
        try:
            await published_to(connection, servers)
            for before, number in zip((0, *numbers), numbers, strict=False):
                await fill(connection, made, pseudonyms, range(before, number), console.progress)
                await connection.execute("VACUUM ANALYZE")
                found.append(await measured(servers, connection, made, number, console.progress))
                _show(found)
        finally:
            await connection.close()


async def measured(
    servers: Servers, connection: asyncpg.Connection, made: Sequence[History], number: int, progress: Progress
) -> Size:
    """Weigh first, then ask, then work: what the work adds is not weighed, and is the same at every size."""
    chance, pseudonyms = Random(number), Keys(servers.folder).pseudonyms(play=True)
    chosen = [chance.randrange(number) for _ in range(ASKED + WARMING)]
    names = [(named(one, history_for(one, made), pseudonyms).customer_id, raw_identifiers(one)[0]) for one in chosen]
    weighed = await sizes(connection)
    erasing = await scanned(servers, named(chosen[0], history_for(chosen[0], made), pseudonyms).identifiers)
    api = await questioned(servers, names, chance)
    return Size(number, weighed, api, await worked(servers, connection, pseudonyms, number, progress), erasing)


def _show(found: Sequence[Size]) -> None:
    _row("", [f"{size.customers:,}" for size in found])
    relations = sorted(found[-1].bytes_by_relation, key=lambda name: -found[-1].bytes_by_relation[name])
    for name in relations:
        _row(f"bytes, {name}", [f"{size.bytes_by_relation.get(name, 0) / size.customers:,.0f}" for size in found])
    _row("bytes a customer", [f"{size.bytes_a_customer:,.0f}" for size in found])
    _row("view, median ms", [f"{size.api.by_id.p50_ms:.2f}" for size in found])
    _row("view, p99 ms", [f"{size.api.by_id.p99_ms:.2f}" for size in found])
    _row("by identifier, median ms", [f"{size.api.by_identifier.p50_ms:.2f}" for size in found])
    _row("by identifier, p99 ms", [f"{size.api.by_identifier.p99_ms:.2f}" for size in found])
    _row("view, CPU ms of the door", [f"{size.api.cpu_ms:.2f}" for size in found])
    _row("api, MB", [f"{size.api.memory_mb:,.0f}" for size in found])
    _row("worker, MB", [f"{size.worked.worker_mb:,.0f}" for size in found])
    _row("learner, MB", [f"{size.worked.learner_mb:,.0f}" for size in found])
    _row("an erasure's sweep, ms", [f"{size.erasing.took_ms:,.0f}" for size in found])
    _row("its deltas without their index, ms", [f"{size.erasing.scanning_ms:,.0f}" for size in found])
    for plan in found[-1].erasing.plan:
        print(f"    {plan}")
    each = [size.bytes_a_customer for size in found]
    spread = max(each) / min(each) - 1
    print(f"  growth: {spread:.1%} between the greatest and the smallest figure a customer (bar {TOLERANCE:.0%})")
    print(f"  view: {found[-1].api.by_id.p50_ms:.2f} ms at the median (bar {BAR_MS})", flush=True)


def _row(name: str, values: Sequence[str]) -> None:
    print(f"  {name:<46}" + "".join(f"{value:>12}" for value in values))
