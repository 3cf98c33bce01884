"""Rounds over the year: the peer, if there is one, and ours, in turns over the same topic; medians of what each took, and the ratio."""

import asyncio
import json
import time
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.profile.learning import Learned, learned
from benchmarks.profile.running import Measured, Servers, serving
from benchmarks.profile.year import Year, categories, lay
from libs.common.contracts.topics import INGEST_CATALOG, INGEST_POS

BAR, LEARNER_BAR = 2.5, 1_500
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


@dataclass(frozen=True, slots=True)
class Round:
    """One round; without a peer only ours, and the learner where it was asked for. `bare` is a worker that applies nothing."""

    bare: Measured
    ours: Measured
    peer: Peer | None
    learner: Learned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured: the first weeks of the year or all of it, how often, beside whom."""

    weeks: int | None
    rounds: int
    fold_processes: int
    peer_python: str | None


def compare(plan: Plan) -> None:
    """Measure in temporary folders, telling how far it is, and print what came out."""
    console, year = Console(), Year.of(plan.weeks)
    print(
        f"Profiles: {year.baskets:,} baskets, {year.lines:,} lines, one worker, {plan.fold_processes} processes to fold"
    )
    rounds = []
    for number in range(plan.rounds):
        print(f"  round {number + 1} of {plan.rounds}", flush=True)
        with TemporaryDirectory() as folder:
            rounds.append(asyncio.run(_round(Path(folder), year, plan, number, console)))
    _show(year, rounds)


async def _round(folder: Path, year: Year, plan: Plan, number: int, console: Console) -> Round:
    """Who goes first changes from round to round; the learner comes last, in the last round."""
    async with serving(folder, plan.fold_processes) as servers:
        master_data = len(year.dataset.products) + len(year.dataset.stores)
        await lay(servers.settings, year.catalogue(), master_data, console.progress)
        await servers.worker(INGEST_CATALOG.name, master_data, console.progress)
        await lay(servers.settings, year.sales(), year.baskets, console.progress)
        bare = await servers.bare(INGEST_POS.name, year.baskets, console.progress)
        peer = await _peer(servers, year, plan.peer_python, console) if number % 2 == 0 else None
        ours = await servers.worker(INGEST_POS.name, year.baskets, console.progress)
        if peer is None:
            peer = await _peer(servers, year, plan.peer_python, console)
        last = number == plan.rounds - 1
        return Round(bare, ours, peer, await learned(servers, year, console.progress) if last else None)


async def _peer(servers: Servers, year: Year, python: str | None, console: Console) -> Peer | None:
    if python is None:
        return None
    named = servers.folder / "categories.json"
    named.write_text(json.dumps(dict(categories(year.dataset))))
    script = Path(__file__).with_name("quix_peer.py")
    argv = [python, str(script), servers.settings.bootstrap, INGEST_POS.name, str(year.baskets), str(named)]
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


def _show(year: Year, rounds: Sequence[Round]) -> None:
    ours = [one.ours for one in rounds]
    seconds = median(one.seconds for one in ours)
    applied = median(one.applied_seconds for one in ours)
    print(
        f"\n  applied and folded            {year.baskets / seconds:>9,.0f} baskets/s  {year.lines / seconds:>10,.0f} lines/s"
    )
    print(f"  applied (folding went on)     {year.baskets / applied:>9,.0f} baskets/s")
    for name in ours[0].cpu_seconds:
        cpu = median(one.cpu_seconds[name] for one in ours)
        print(f"  CPU of {name:<22} {cpu:>9.1f} s  {1e6 * cpu / year.baskets:>10,.0f} us a basket")
    stages = [_stages(one.metrics) for one in ours]
    for stage in stages[0]:
        took = median(one[stage] for one in stages)
        print(f"  time in {stage:<21} {took:>9.1f} s  {100 * took / sum(stages[0].values()):>9.0f} %")
    bare = [one.bare for one in rounds]
    spent = median(sum(one.cpu_seconds.values()) for one in bare)
    print(
        f"  were applying and folding free{year.baskets / median(one.applied_seconds for one in bare):>9,.0f} baskets/s"
        f"  {1e6 * spent / year.baskets:>10,.0f} us a basket, servers' too"
    )
    _show_peer(year, rounds)
    _show_learner(rounds)


def _show_peer(year: Year, rounds: Sequence[Round]) -> None:
    both = [(one.ours, one.peer) for one in rounds if one.peer is not None]
    if not both:
        return
    theirs = median(peer.seconds for _, peer in both)
    cpu = median(peer.cpu_seconds for _, peer in both)
    ratios = [peer.seconds / ours.seconds for ours, peer in both]
    of_cpu = median(peer.cpu_seconds / sum(ours.cpu_seconds.values()) for ours, peer in both)
    print(f"  peer, quixstreams             {year.baskets / theirs:>9,.0f} baskets/s")
    print(f"  CPU of the peer               {cpu:>9.1f} s  {1e6 * cpu / year.baskets:>10,.0f} us a basket")
    print(
        f"  ratio                         {median(ratios):>9.2f} x  ({min(ratios):.2f} to {max(ratios):.2f}; bar {BAR})"
    )
    print(f"  ratio of CPU, servers' too    {of_cpu:>9.2f} x")


def _show_learner(rounds: Sequence[Round]) -> None:
    for one in rounds:
        if one.learner is not None:
            told = one.learner
            print(
                f"  learner, of one core          {told.baskets_a_cpu_second:>9,.0f} baskets/s  (bar {LEARNER_BAR:,})"
            )
            print(
                f"    {told.queue_cpu_us:,.0f} us a basket to put it in line, {told.learn_cpu_us:,.0f} us to learn it "
                f"({told.baskets:,} baskets, {told.models} models)"
            )


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
