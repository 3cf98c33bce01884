"""What becomes of an item that was introduced: watched by its stop rule, kept or stopped with the reason; called once a closed day."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.inventory.domain.assortment.stop_rule import StopRule

LONGEST_WAIT_DAYS = 42
_WEEK = 7
_TINY = 1e-6


class Standing(StrEnum):
    """How a trial stands."""

    WAITING = "waiting"
    """It does not lie on the shelf yet."""
    WATCHED = "watched"
    KEEP = "keep"
    STOP = "stop"

    @property
    def is_over(self) -> bool:
        """Whether nothing that comes later changes it."""
        return self in {Standing.KEEP, Standing.STOP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How a trial stands after `days` on the shelf, with what was asked for by then, and why."""

    standing: Standing
    days: int
    units: float
    reason: str


def judged(rule: StopRule, asked: Sequence[float], waited_days: int = 0) -> Judgement:
    """What the rule says of units asked for on each day since the item first lay there (sold, and what empty shelves hid).

    The first day that decides does: what comes after it changes nothing. `waited_days`: how long ago it was accepted, where it never lay there.
    """
    if not asked:
        return _not_there(waited_days)
    units = 0.0
    for day, more in enumerate(asked, 1):
        units += more
        if units + _TINY >= rule.units:
            words = f"{units:g} asked for within {day} days; {rule.units} within {rule.days} were wanted"
            return Judgement(standing=Standing.KEEP, days=day, units=units, reason=words)
        if day >= rule.days:
            words = f"{units:g} asked for within {day} days, fewer than {rule.units}"
            return Judgement(standing=Standing.STOP, days=day, units=units, reason=words)
        if day % _WEEK == 0 and units + _TINY < rule.fewest[day // _WEEK - 1]:
            least = rule.fewest[day // _WEEK - 1]
            words = f"{units:g} asked for within {day} days, fewer than {least}: {rule.units} within {rule.days} are out of reach"
            return Judgement(standing=Standing.STOP, days=day, units=units, reason=words)
    words = f"{units:g} of {rule.units} asked for, day {len(asked)} of {rule.days}"
    return Judgement(standing=Standing.WATCHED, days=len(asked), units=units, reason=words)


def _not_there(waited_days: int) -> Judgement:
    if waited_days > LONGEST_WAIT_DAYS:
        words = f"it never lay on the shelf in {waited_days} days"
        return Judgement(standing=Standing.STOP, days=0, units=0.0, reason=words)
    return Judgement(standing=Standing.WAITING, days=0, units=0.0, reason="not on the shelf yet")
