"""Rounds of load, every contender in turn, and what came out: a table, and the ratios that the project promises."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.ingest.load import generator
from benchmarks.offers.running import ACK, CONNECTIONS, EACH_HOT, EACH_SPREAD, FREE, HOT, SPREAD, Measured, running

Results = dict[str, list[Measured]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One ratio that must hold in every run."""

    text: str
    ours: str
    theirs: str
    bar: float

    def ratio(self, results: Results) -> float:
        """How many times as many requests a second ours answers; the median of the rounds on both sides."""
        return _typical(results[self.ours], _rate) / _typical(results[self.theirs], _rate)

    def cpu_ratio(self, results: Results) -> float:
        """The same by CPU time a request, PostgreSQL's included: steadier where others use the machine too."""
        return _typical(results[self.theirs], _cpu) / _typical(results[self.ours], _cpu)

    def server_cpu_ratio(self, results: Results) -> float:
        """The same by CPU time of the servers alone."""
        return _typical(results[self.theirs], _server_cpu) / _typical(results[self.ours], _server_cpu)


PROMISES = (
    Promise("durable decisions to FastAPI's acknowledgement", SPREAD, ACK, 0.6),
    Promise("to a SQLAlchemy Core transaction each, spread", SPREAD, EACH_SPREAD, 4.0),
    Promise("to a SQLAlchemy Core transaction each, one hot budget", HOT, EACH_HOT, 7.0),
    Promise("one hot budget to spread", HOT, SPREAD, 0.8),
)
FREE_DECISIONS = Promise("no promise: were decisions free, to the acknowledgement", FREE, ACK, 0.0)


def compare(*, rounds: int, seconds: int, weeks: int | None = None) -> None:
    """Measure in a temporary folder, telling how far it is, and print what came out."""
    with TemporaryDirectory() as folder:
        results = asyncio.run(_rounds(Path(folder), rounds, seconds, weeks))
    show(results)


async def _rounds(folder: Path, rounds: int, seconds: int, weeks: int | None) -> Results:
    print(f"Voucher decisions: starting the servers; {CONNECTIONS} connections, load by {generator()}", flush=True)
    results: Results = defaultdict(list)
    async with running(folder, weeks) as run:
        for one in run.contenders:
            await run.measure(one, 1)  # whoever is new to PostgreSQL plans first; this is nobody's figure
        for number in range(1, rounds + 1):
            for one in run.contenders:
                found = await run.measure(one, seconds)
                results[one.name].append(found)
                print(
                    f"round {number}/{rounds}  {one.name:<32}{found.per_second:>8,.0f} requests/s"
                    f" {found.server_cpu_us:>7.0f} us CPU a request, PostgreSQL {found.postgres_cpu_us:>5.0f}"
                    + (f"  {found.refused} refused" if found.refused else ""),
                    flush=True,
                )
    return results


def show(results: Results) -> None:
    """Print medians, what was answered, and the ratios beside their bars."""
    print(f"\n{'medians':<32}  requests/s  p50 ms  p99 ms  CPU us: server  PostgreSQL  vouchers a request")
    for name, found in results.items():
        print(
            f"{name:<32}{_typical(found, _rate):>12,.0f}{_typical(found, lambda one: one.p50_ms):>8.1f}"
            f"{_typical(found, lambda one: one.p99_ms):>8.1f}{_typical(found, _server_cpu):>16.0f}"
            f"{_typical(found, lambda one: one.postgres_cpu_us):>12.0f}"
            f"{_typical(found, lambda one: one.vouchers_ratio):>20.3f}"
        )
    for name, found in results.items():
        told = said(found)
        if told:
            print(f"  {name} answered: {told}")
    print(f"\n{'ratios':<56} bar    rate  CPU of servers  CPU of all")
    for promise in (*PROMISES, FREE_DECISIONS):
        print(
            f"{promise.text:<56} {promise.bar or '-':<5}{promise.ratio(results):>6.2f}"
            f"{promise.server_cpu_ratio(results):>16.2f}{promise.cpu_ratio(results):>12.2f}"
        )


def said(found: Sequence[Measured]) -> str:
    """The shares of a door's answers over all rounds by tier and reason, the commonest first; empty for who has none."""
    answers: Counter[str] = Counter()
    for one in found:
        answers.update(one.answers)
    return "; ".join(f"{answer} {count / answers.total():.2%}" for answer, count in answers.most_common())


def _typical(found: Sequence[Measured], figure: Callable[[Measured], float]) -> float:
    return median(map(figure, found))


def _rate(one: Measured) -> float:
    return one.per_second


def _server_cpu(one: Measured) -> float:
    return one.server_cpu_us


def _cpu(one: Measured) -> float:
    return one.server_cpu_us + one.postgres_cpu_us
