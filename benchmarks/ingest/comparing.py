"""Rounds of load, every contender in turn, and what came out: a table, and the ratios that the project promises."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.ingest.contenders import (
    DEFAULT,
    DEFAULT_ALONE,
    DOOR,
    DOOR_BATCH,
    DOOR_CHECKS,
    KARAPACE,
    KARAPACE_BATCH,
    Karapace,
)
from benchmarks.ingest.load import generator
from benchmarks.ingest.running import Measured, running

CONNECTIONS = (16, 64)
Results = dict[tuple[str, int], list[Measured]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One ratio that must hold in every run."""

    text: str
    ours: str
    theirs: str
    bar: float
    of_cpu: bool = False

    def ratio(self, results: Results, connections: int) -> float | None:
        """How many times better ours is, None where one of them did not take part."""
        ours, theirs = results.get((self.ours, connections)), results.get((self.theirs, connections))
        if not ours or not theirs:
            return None
        if self.of_cpu:
            return _typical(theirs, _cpu) / _typical(ours, _cpu)
        return _typical(ours, _rate) / _typical(theirs, _rate)


PROMISES = (
    Promise("single events, rate, to Karapace", DOOR, KARAPACE, 2.5),
    Promise("single events, rate, to FastAPI default -> aiokafka", DOOR, DEFAULT, 1.4),
    Promise("single events, CPU, to FastAPI default -> aiokafka", DOOR, DEFAULT, 1.6, of_cpu=True),
    Promise("batches of 50, rate, to Karapace", DOOR_BATCH, KARAPACE_BATCH, 4.0),
    Promise("decode and validate alone, rate, to FastAPI default", DOOR_CHECKS, DEFAULT_ALONE, 1.8),
)


def compare(*, rounds: int, seconds: int, karapace: Karapace | None) -> None:
    """Measure in a temporary folder, telling how far it is, and print what came out."""
    with TemporaryDirectory() as folder:
        results = asyncio.run(_rounds(Path(folder), rounds, seconds, karapace))
    _show(results)


async def _rounds(folder: Path, rounds: int, seconds: int, karapace: Karapace | None) -> Results:
    print(f"starting the servers; load by {generator()}" + ("" if karapace else "; without Karapace"), flush=True)
    results: Results = defaultdict(list)
    async with running(folder, karapace) as run:
        for number in range(1, rounds + 1):
            for one in run.contenders:
                for connections in CONNECTIONS:
                    found = await run.measure(one, connections=connections, seconds=seconds)
                    results[one.name, connections].append(found)
                    print(
                        f"round {number}/{rounds}  {one.name:<30} c{connections:<3}"
                        f" {found.events_per_second:>8,.0f} events/s {found.cpu_us_per_event:>7.1f} us CPU an event"
                        + (f"  {found.refused} requests refused" if found.refused else ""),
                        flush=True,
                    )
    return results


def _show(results: Results) -> None:
    names = dict.fromkeys(name for name, _ in results)
    print(f"\n{'medians':<30}" + "".join(f"   c{c:<4}events/s  p50 ms  p99 ms  CPU us" for c in CONNECTIONS))
    for name in names:
        cells = [
            f"{_typical(found, _rate):>16,.0f}{_typical(found, lambda one: one.p50_ms):>8.1f}"
            f"{_typical(found, lambda one: one.p99_ms):>8.1f}{_typical(found, _cpu):>8.1f}"
            for found in (results[name, connections] for connections in CONNECTIONS)
        ]
        print(f"{name:<30}" + "".join(cells))
    print(f"\n{'ratios':<56} bar" + "".join(f"{f'c{connections}':>8}" for connections in CONNECTIONS))
    for promise in PROMISES:
        ratios = [promise.ratio(results, connections) for connections in CONNECTIONS]
        if None not in ratios:
            shown = "".join(f"{ratio:>8.2f}" for ratio in ratios)
            print(f"{promise.text:<56} {promise.bar:<3}{shown}")


def _typical(found: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return median(map(figure, found))


def _rate(one: Measured) -> float:
    return one.events_per_second


def _cpu(one: Measured) -> float:
    return one.cpu_us_per_event
