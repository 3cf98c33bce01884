"""How long to wait before trying again; used by consumers and relays."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential, capped, with jitter, so that many clients do not come back in step.

    >>> Backoff(random=Random(1), base_seconds=0.1, cap_seconds=5).delay_seconds(attempt=30) <= 5
    True
    """

    random: Random
    base_seconds: float = 0.1
    cap_seconds: float = 5.0

    def delay_seconds(self, attempt: int) -> float:
        """Seconds before try number `attempt` (1 is the first repeat): half of the step fixed, half of it random."""
        step = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 30))
        return step * (0.5 + self.random.random() / 2)
