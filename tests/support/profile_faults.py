"""A seeded schedule of faults for the processes of profile: kills, pauses, and a worker that comes and goes. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

FIRST, SECOND, GUEST, LEARNER = "worker-1", "worker-2", "guest", "learner"
Fault = Literal["kill", "pause", "guest comes", "guest goes"]
SESSION_SECONDS = 3.0
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 4.5, 10.0
"""Longer than a session: the group goes on without it. The longest ones also outlast what the database grants a silent transaction."""


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


def schedule(seed: int, *, kills: int, pauses: int, visits: int, chapters: int) -> Schedule:
    """The schedule of a seed; of the kills some strike the learner while it learns."""
    random = Random(seed)
    amid_count = min(chapters, max(1, kills // 10))
    amid = {
        number: Strike("kill", LEARNER, random.uniform(0.0, 1.5), random.uniform(0.0, 1.0))
        for number in sorted(random.sample(range(chapters), amid_count))
    }
    faults = ["kill"] * (kills - amid_count) + ["pause"] * pauses + ["visit"] * 2 * visits
    random.shuffle(faults)
    strikes, guest_is_here = [], False
    for fault in faults:
        after = random.uniform(0.0, 1.2)
        if fault == "visit":
            strikes.append(Strike("guest goes" if guest_is_here else "guest comes", GUEST, after))
            guest_is_here = not guest_is_here
        elif fault == "kill":
            victim = random.choices((FIRST, SECOND, LEARNER), (2, 2, 1))[0]
            strikes.append(Strike("kill", victim, after, random.uniform(0.0, 1.5)))
        else:
            victim = random.choices((FIRST, SECOND, LEARNER), (2, 2, 1))[0]
            lasts = random.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            strikes.append(Strike("pause", victim, after, lasts))
    return Schedule(seed, strikes, amid)
