"""Nights of chains of growing size, two workers each, and the way from a sale to a command; held against what the project promises."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.inventory.filling import Chain, fill
from benchmarks.inventory.reacting import react, show_reaction
from benchmarks.inventory.updating import show_updates
from benchmarks.profile.running import cpu_seconds
from libs.laptop.embedded_postgres import EmbeddedPostgres

WORKERS = 2
UNTIL = datetime(2031, 3, 10, tzinfo=UTC)
CLOSE_BAR_SECONDS = 60.0
PROMISED_STORES, PROMISED_ITEMS = 100, 10_000
_WARM_DAYS = 1
_SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "synchronous_commit": "on", "checkpoint_timeout": "30min"}


@dataclass(frozen=True, slots=True)
class Night:
    """What a part of a night cost. CPU of the workers and of PostgreSQL; memory of the larger worker."""

    seconds: float
    workers_cpu_seconds: float
    postgres_cpu_seconds: float
    rss_mb: float
    items: int
    lost: int
    """Transactions that were lost and done again."""

    @property
    def on_two_cores_seconds(self) -> float:
        """All CPU time on two cores that do nothing else: steadier than the clock where others use the machine."""
        return (self.workers_cpu_seconds + self.postgres_cpu_seconds) / 2


def compare(*, stores: Sequence[int], items: int, sales: int) -> None:
    """Measure in a temporary folder, and print what came out."""
    show_updates()
    with TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), stores, items, sales))


async def _compare(folder: Path, stores: Sequence[int], items: int, sales: int) -> None:
    print(f"A night of {items} items, {WORKERS} workers; CPU of workers and PostgreSQL on two cores", flush=True)
    server = EmbeddedPostgres(folder / "postgres", settings=_SETTINGS)
    await server.start()
    try:
        found = [await _night(server, Chain(count, items, UNTIL, _WARM_DAYS + 1)) for count in stores]
        for name in ("close", "review"):
            each = [night[name].on_two_cores_seconds / chain for night, chain in zip(found, stores, strict=True)]
            print(f"  {name}: the largest chain costs {each[-1] / each[0]:.2f} times as much a store as the smallest")
        largest = found[-1]["close"].on_two_cores_seconds
        promised = largest * PROMISED_STORES * PROMISED_ITEMS / (stores[-1] * items)
        of = "" if (stores[-1], items) == (PROMISED_STORES, PROMISED_ITEMS) else " (worked out from the largest here)"
        print(
            f"  close of {PROMISED_STORES} x {PROMISED_ITEMS}{of}: {promised:.0f} s on two cores, the bar {CLOSE_BAR_SECONDS:.0f}"
        )
        show_reaction(await react(folder, server, sales))
    finally:
        await server.stop()


async def _night(server: EmbeddedPostgres, chain: Chain) -> dict[str, Night]:
    """The close of the chain's last day, and the review behind it; the days before are closed first, unmeasured."""
    name = f"chain{chain.stores}"
    await server.make_database(name)
    url = server.url("inventory", database=name)
    sold = await fill(url, chain)
    await _work(server, url, UNTIL.replace(day=UNTIL.day - 1), "close", workers=1)
    found = {what: await _work(server, url, UNTIL, what) for what in ("close", "review")}
    await server.drop_database(name)
    for what, night in found.items():
        each = night.on_two_cores_seconds * 2 / chain.shelves * 1e6
        print(
            f"  {chain.stores:>4} stores, {what:<6}: {night.on_two_cores_seconds:6.1f} s on two cores ({night.seconds:.1f} s by the clock), "
            f"workers {night.workers_cpu_seconds:.1f} s, PostgreSQL {night.postgres_cpu_seconds:.1f} s CPU, {each:.0f} us a shelf, "
            f"{night.rss_mb:.0f} MB a worker, {night.items} items"
            + (f", {night.lost} lost transactions done again" if night.lost else ""),
            flush=True,
        )
    closing = found["close"]
    each = closing.workers_cpu_seconds / sold * 1e6
    print(
        f"        {sold} lines sold: learning and planning cost {each:.0f} us of worker CPU a line (all of the close)"
    )
    return found


async def _work(server: EmbeddedPostgres, url: str, until: datetime, what: str, workers: int = WORKERS) -> Night:
    """Let workers share what is to be done."""
    argv = [sys.executable, "-m", "benchmarks.inventory.night", url, until.isoformat(), what]
    pipe = asyncio.subprocess.PIPE
    started = [await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe) for _ in range(workers)]
    for one in started:
        if one.stdout is None or await one.stdout.readline() != b"ready\n":
            raise ValueError("a worker did not start")
    before = cpu_seconds(server.child)
    told = await asyncio.gather(*(one.communicate(b"go\n") for one in started))
    costs: list[dict[str, Any]] = [json.loads(out) for out, _ in told]
    return Night(
        seconds=max(cost["seconds"] for cost in costs),
        workers_cpu_seconds=sum(cost["cpu_seconds"] for cost in costs),
        postgres_cpu_seconds=cpu_seconds(server.child) - before,
        rss_mb=max(cost["rss_mb"] for cost in costs),
        items=sum(cost["items"] for cost in costs),
        lost=sum(cost["lost"] for cost in costs),
    )
