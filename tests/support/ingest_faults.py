"""A seeded schedule of faults at the front door, in lanes that run side by side: broker, doors, worker."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random

from tests.support.ingest_lab import FIRST_DOOR, SECOND_DOOR, WORKER, IngestLab, pause_for, wait

LANES: Mapping[str, tuple[str, ...]] = {
    "broker": ("broker killed", "broker killed", "broker paused", "broker killed"),
    "doors": ("first door killed", "second door paused", "second door killed", "first door paused"),
    "worker": ("worker killed", "worker killed", "worker paused"),
}
SHORTEST_SECONDS, LONGEST_SECONDS = 0.3, 2.5
STRIKE: Mapping[str, Callable[[IngestLab, float], Awaitable[None]]] = {
    "broker killed": lambda lab, seconds: lab.kill_broker_for(seconds),
    "broker paused": lambda lab, seconds: pause_for(lab.kafka.child(), seconds),
    "first door killed": lambda lab, seconds: lab.kill_for(FIRST_DOOR, seconds),
    "second door killed": lambda lab, seconds: lab.kill_for(SECOND_DOOR, seconds),
    "first door paused": lambda lab, seconds: pause_for(lab.children[FIRST_DOOR.name], seconds),
    "second door paused": lambda lab, seconds: pause_for(lab.children[SECOND_DOOR.name], seconds),
    "worker killed": lambda lab, seconds: lab.kill_for(WORKER, seconds),
    "worker paused": lambda lab, seconds: pause_for(lab.children[WORKER.name], seconds),
}


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: so long after the last one of its lane has healed, and for so long."""

    fault: str
    after_seconds: float
    lasts_seconds: float

    def __str__(self) -> str:
        return f"+{self.after_seconds:.1f} s {self.fault} for {self.lasts_seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """All faults of one run; printed with the result, so that a failing seed can be told and kept."""

    seed: int
    lanes: Mapping[str, tuple[Strike, ...]]

    def __str__(self) -> str:
        listed = "; ".join(f"{lane}: {', '.join(map(str, strikes))}" for lane, strikes in self.lanes.items())
        return f"seed {self.seed}: {listed}"

    async def run(self, lab: IngestLab) -> None:
        """Let every lane run to its end, all faults healed."""
        async with asyncio.TaskGroup() as lanes:
            for strikes in self.lanes.values():
                lanes.create_task(_run(lab, strikes))


def schedule(seed: int) -> Schedule:
    """The schedule of a seed: which, in which order, when and for how long."""
    random = Random(seed)
    lanes = {}
    for lane, faults in LANES.items():
        shuffled = random.sample(faults, len(faults))
        lanes[lane] = tuple(
            Strike(fault, random.uniform(1.0, 5.0), random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
            for fault in shuffled
        )
    return Schedule(seed, lanes)


async def _run(lab: IngestLab, strikes: tuple[Strike, ...]) -> None:
    for strike in strikes:
        await wait(strike.after_seconds)
        await STRIKE[strike.fault](lab, strike.lasts_seconds)
