"""The bad days of an inventory system, seeded: it is slow, refuses, repeats itself, forgets to say that it has taken something."""

import asyncio
from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Moods:
    """Chances from 0 to 1. Without any it is always well."""

    random: Random = field(default_factory=Random)
    refuses: float = 0.0
    """A webhook is refused with 503, nothing taken."""
    forgets: float = 0.0
    """A webhook is taken and its answer lost: 500, so it comes again."""
    repeats: float = 0.0
    """Something is told twice, or a record of the topic is read twice."""
    delays_seconds: float = 0.0
    """The longest that an answer is kept back."""

    def refuse(self) -> bool:
        """Whether to refuse this time."""
        return self.random.random() < self.refuses

    def forget(self) -> bool:
        """Whether to lose this answer."""
        return self.random.random() < self.forgets

    def repeat(self) -> bool:
        """Whether to do this twice."""
        return self.random.random() < self.repeats

    async def dawdle(self) -> None:
        """Be slow."""
        if self.delays_seconds:
            await asyncio.sleep(self.random.random() * self.delays_seconds)
