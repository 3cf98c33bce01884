"""A seeded schedule of faults for the processes of profile: kills, pauses, and a worker that comes and goes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

FIRST, SECOND, GUEST, LEARNER = "worker-1", "worker-2", "guest", "learner"
Fault = Literal["kill", "pause", "guest comes", "guest goes"]
SESSION_SECONDS = 3.0
SHORTEST_PAUSE_SECONDS = 3.6
"""Longer than a session: the group goes on without it."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: so long after another part of the play lies in the topics, and for so long."""

    fault: Fault
    victim: str
    after_seconds: float
    lasts_seconds: float = 0.0

    def __str__(self) -> str:
        return f"+{self.after_seconds:.1f} s {self.fault} {self.victim} {self.lasts_seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Strikes spread evenly over the play, and those at the learner after the tick of a chapter, amid its learning."""

    seed: int
    strikes: Sequence[Strike]
    amid_learning: Mapping[int, Strike]

    def __str__(self) -> str:
        amid = ", ".join(f"chapter {number}: {strike}" for number, strike in self.amid_learning.items())
        return f"seed {self.seed}: {'; '.join(map(str, self.strikes))}; amid learning {amid or 'nothing'}"

    def count(self, fault: Fault) -> int:
        """How often it strikes."""
        return sum(strike.fault == fault for strike in (*self.strikes, *self.amid_learning.values()))


UNDISTURBED = Schedule(0, (), {})


@dataclass(frozen=True, slots=True)
class Faults:
    """How many of each kind, and how long the longest pause may be."""

    kills: int
    pauses: int
    visits: int
    longest_pause_seconds: float


def schedule(seed: int, faults: Faults, *, learned_chapters: int) -> Schedule:
    """The schedule of a seed; of the kills some strike the learner while it learns."""
    random = Random(seed)
    amid_count = min(learned_chapters, max(1, faults.kills // 10))
    amid = {
        number: Strike("kill", LEARNER, random.uniform(0.0, 1.5), random.uniform(0.0, 1.0))
        for number in sorted(random.sample(range(1, learned_chapters + 1), amid_count))
    }
    kinds = ["kill"] * (faults.kills - amid_count) + ["pause"] * faults.pauses + ["visit"] * 2 * faults.visits
    random.shuffle(kinds)
    strikes, guest_is_here = [], False
    for kind in kinds:
        after, victim = random.uniform(0.0, 1.2), random.choices((FIRST, SECOND, LEARNER), (2, 2, 1))[0]
        if kind == "visit":
            strikes.append(Strike("guest goes" if guest_is_here else "guest comes", GUEST, after))
            guest_is_here = not guest_is_here
        elif kind == "kill":
            strikes.append(Strike("kill", victim, after, random.uniform(0.0, 1.5)))
        else:
            lasts = random.uniform(SHORTEST_PAUSE_SECONDS, faults.longest_pause_seconds)
            strikes.append(Strike("pause", victim, after, lasts))
    return Schedule(seed, strikes, amid)
