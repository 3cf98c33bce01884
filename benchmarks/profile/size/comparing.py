"""A database that grows from one number of customers to the next; at each it is weighed, asked, and worked with."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import asyncpg

from benchmarks.profile.comparing import Console
from benchmarks.profile.running import Servers, serving
from benchmarks.profile.size.erasing import Scanned, scanned
from benchmarks.profile.size.filling import fill, history_for, named, raw_identifiers
from benchmarks.profile.size.histories import History, histories, purchases_of
from benchmarks.profile.size.keeping import customers_in, hasty, place
from benchmarks.profile.size.measuring import WARMING, Api, questioned, sizes
from benchmarks.profile.size.working import Worked, published_to, worked
from benchmarks.profile.year import Progress
from libs.laptop.complete_journey import load
from libs.laptop.launch import Keys

HISTORIES, SEED = 4_000, 20
ASKED = 2_000
BAR_MS, TOLERANCE = 5.0, 0.10
_SETTINGS = {"maintenance_work_mem": "256MB"}


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


def compare(numbers: Sequence[int], folder: Path | None = None) -> None:
    """Fill and measure at each number (ascending), and print one table.

    A database in `folder` is kept; one that is there already is not filled on, but asked again.
    """
    with place(folder) as kept:
        asyncio.run(_compare(kept, sorted(numbers)))


async def _compare(folder: Path, numbers: Sequence[int]) -> None:
    made = histories(purchases_of(load()), HISTORIES, SEED)
    async with serving(folder, 0, _SETTINGS) as servers:
        Keys(folder).make()
        connection = await asyncpg.connect(servers.postgres.url().replace("+asyncpg", ""))
        try:
            there = await customers_in(connection)
            if there:
                _show_api([there], [await questioned(servers, *_questions(servers, made, there))])
            else:
                await _grow(servers, connection, made, numbers)
        finally:
            await connection.close()


async def _grow(
    servers: Servers, connection: asyncpg.Connection, made: Sequence[History], numbers: Sequence[int]
) -> None:
    console, pseudonyms = Console(), Keys(servers.folder).pseudonyms(play=True)
    print(f"Size: {', '.join(f'{number:,}' for number in numbers)} synthetic customers of {HISTORIES:,} histories")
    found: list[Size] = []
    await published_to(connection, servers)
    for before, number in zip((0, *numbers), numbers, strict=False):
        async with hasty(connection):
            await fill(connection, made, pseudonyms, range(before, number), console.progress)
            await connection.execute("VACUUM ANALYZE")
        found.append(await measured(servers, connection, made, number, console.progress))
        _show(found)


async def measured(
    servers: Servers, connection: asyncpg.Connection, made: Sequence[History], number: int, progress: Progress
) -> Size:
    """Weigh first, then ask, then work: only the sales of the sizes before this one are weighed with its customers."""
    pseudonyms = Keys(servers.folder).pseudonyms(play=True)
    names, chance = _questions(servers, made, number)
    weighed = await sizes(connection)
    erasing = await scanned(servers, named(0, history_for(0, made), pseudonyms).identifiers)
    api = await questioned(servers, names, chance)
    return Size(number, weighed, api, await worked(servers, connection, pseudonyms, number, progress), erasing)


def _questions(servers: Servers, made: Sequence[History], number: int) -> tuple[Sequence[tuple[str, str]], Random]:
    """Who is asked for, of so many customers, and the chance that goes on from there."""
    chance, pseudonyms = Random(number), Keys(servers.folder).pseudonyms(play=True)
    chosen = [chance.randrange(number) for _ in range(ASKED + WARMING)]
    names = [(named(one, history_for(one, made), pseudonyms).customer_id, raw_identifiers(one)[0]) for one in chosen]
    return names, chance


def _show(found: Sequence[Size]) -> None:
    _show_api([size.customers for size in found], [size.api for size in found])
    relations = sorted(found[-1].bytes_by_relation, key=lambda name: -found[-1].bytes_by_relation[name])
    for name in relations:
        _row(f"bytes, {name}", [f"{size.bytes_by_relation.get(name, 0) / size.customers:,.0f}" for size in found])
    _row("bytes a customer", [f"{size.bytes_a_customer:,.0f}" for size in found])
    _row("worker, MB", [f"{size.worked.worker_mb:,.0f}" for size in found])
    _row("learner, MB", [f"{size.worked.learner_mb:,.0f}" for size in found])
    _row("an erasure's sweep, ms", [f"{size.erasing.took_ms:,.0f}" for size in found])
    _row("its deltas without their index, ms", [f"{size.erasing.scanning_ms:,.0f}" for size in found])
    for plan in found[-1].erasing.plan:
        print(f"    {plan}")
    each = [size.bytes_a_customer for size in found]
    spread = max(each) / min(each) - 1
    print(
        f"  growth: {spread:.1%} between the greatest and the smallest figure a customer (bar {TOLERANCE:.0%})",
        flush=True,
    )


def _show_api(customers: Sequence[int], found: Sequence[Api]) -> None:
    _row("", [f"{number:,}" for number in customers])
    _row("view, median ms", [f"{api.by_id.p50_ms:.2f}" for api in found])
    _row("view, p99 ms", [f"{api.by_id.p99_ms:.2f}" for api in found])
    _row("by identifier, median ms", [f"{api.by_identifier.p50_ms:.2f}" for api in found])
    _row("by identifier, p99 ms", [f"{api.by_identifier.p99_ms:.2f}" for api in found])
    _row("view, CPU ms of the door", [f"{api.cpu_ms:.2f}" for api in found])
    _row("view, CPU ms of PostgreSQL", [f"{api.postgres_cpu_ms:.2f}" for api in found])
    _row("api, MB", [f"{api.memory_mb:,.0f}" for api in found])
    print(f"  view: {found[-1].by_id.p50_ms:.2f} ms at the median (bar {BAR_MS})", flush=True)


def _row(name: str, values: Sequence[str]) -> None:
    print(f"  {name:<46}" + "".join(f"{value:>12}" for value in values))
