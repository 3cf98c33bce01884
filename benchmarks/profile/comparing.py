"""One run over the year: the peer, if there is one, then ours, each over its own topic; what each took, and the ratio."""

import asyncio
import json
import time
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.profile.running import Measured, Servers, laid_for_peers, serving
from benchmarks.profile.year import PEER_TOPIC, Year, categories, lay
from libs.common.contracts.topics import INGEST_CATALOG, INGEST_POS

BAR = 2.5
_TELL_SECONDS = 5.0


class Console:
    """Tells how far it is, every few seconds."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def progress(self, title: str, done: int, total: int) -> None:
        """Note it, and say so when it is time."""
        if time.monotonic() - self._told_at > _TELL_SECONDS:
            self._told_at = time.monotonic()
            print(f"  {title}: {done:,} of {total:,}", flush=True)


@dataclass(frozen=True, slots=True)
class Peer:
    """What the peer took."""

    seconds: float
    cpu_seconds: float


def compare(*, weeks: int | None, fold_processes: int, peer_python: str | None) -> None:
    """Measure in a temporary folder, telling how far it is, and print what came out."""
    with TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), weeks, fold_processes, peer_python))


async def _compare(folder: Path, weeks: int | None, fold_processes: int, peer_python: str | None) -> None:
    console = Console()
    year = Year.of(weeks)
    print(f"Profiles: {year.baskets:,} baskets, {year.lines:,} lines, one worker, {fold_processes} processes to fold")
    peer = None
    if peer_python is not None:
        async with serving(folder / "peer", fold_processes) as servers:
            await laid_for_peers(servers, year, PEER_TOPIC, console.progress)
            peer = await _peer(servers, year, peer_python, console)
    async with serving(folder / "ours", fold_processes) as servers:
        master_data = len(year.dataset.products) + len(year.dataset.stores)
        await lay(servers.settings, year.catalogue(), master_data, console.progress)
        await servers.worker(INGEST_CATALOG.name, master_data, console.progress)
        await lay(servers.settings, year.sales(), year.baskets, console.progress)
        ours = await servers.worker(INGEST_POS.name, year.baskets, console.progress)
    _show(year, ours, peer)


async def _peer(servers: Servers, year: Year, python: str, console: Console) -> Peer:
    named = servers.folder / "categories.json"
    named.write_text(json.dumps(dict(categories(year.dataset))))
    script = Path(__file__).with_name("quix_peer.py")
    argv = [python, str(script), servers.settings.bootstrap, PEER_TOPIC, str(year.baskets), str(named)]
    child = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, cwd=servers.folder)
    assert child.stdout is not None  # noqa: S101 - asked for above
    try:
        async for line in child.stdout:
            told = json.loads(line)
            if "seconds" in told:
                return Peer(told["seconds"], told["cpu_seconds"])
            console.progress("peer", told["taken"], year.baskets)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
    raise ValueError("the peer ended before its time")


def _show(year: Year, ours: Measured, peer: Peer | None) -> None:
    rate = year.baskets / ours.seconds
    print(f"\n  applied and folded            {rate:>9,.0f} baskets/s  {year.lines / ours.seconds:>10,.0f} lines/s")
    print(f"  applied (folding went on)     {year.baskets / ours.applied_seconds:>9,.0f} baskets/s")
    for name, cpu in ours.cpu_seconds.items():
        print(f"  CPU of {name:<22} {cpu:>9.1f} s  {year.baskets / cpu:>10,.0f} baskets per CPU-second")
    stages = _stages(ours.metrics)
    for stage, seconds in stages.items():
        print(f"  time in {stage:<21} {seconds:>9.1f} s  {100 * seconds / sum(stages.values()):>9.0f} %")
    if peer is not None:
        theirs = year.baskets / peer.seconds
        print(f"  peer, quixstreams             {theirs:>9,.0f} baskets/s  (CPU {peer.cpu_seconds:.1f} s)")
        print(f"  ratio                         {rate / theirs:>9.2f} x          (bar {BAR})")


def _stages(metrics: str) -> Mapping[str, float]:
    """Seconds by stage; batches are under way side by side, so they add up to more than the clock's."""
    stages: defaultdict[str, float] = defaultdict(float)
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("stream_stage_seconds_total"):
            stages[name.partition('stage="')[2].partition('"')[0]] += float(value)
        if name.startswith("profile_fold_seconds_sum"):
            stages["folding"] += float(value)
    return stages
