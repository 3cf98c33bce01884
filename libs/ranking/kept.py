"""Which items a ranking state keeps, and how what it keeps is numbered when items come in between; state.py calls it."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]

DAY_SECONDS = 86_400
FADING_DAYS = 120.0


def strengths(items: int, line_items: Integers, line_at_seconds: Integers) -> npt.NDArray[np.float64]:
    """The faded count of each item as of the newest line; lines are in the order of time."""
    age_days = (line_at_seconds[-1] - line_at_seconds) / DAY_SECONDS
    return np.asarray(np.bincount(line_items, np.exp(-age_days / FADING_DAYS) + 0.01, minlength=items), np.float64)


def _strongest(strength: npt.NDArray[np.float64], most: int) -> Integers:
    """Where the greatest are, ascending; of equals the lower ones."""
    return np.sort(np.argsort(-strength, kind="stable")[:most])


def of_strongest(
    line_items: Integers, line_visits: Integers, at_seconds: Integers, items: int, most: int
) -> tuple[list[int], Integers, Integers]:
    """The numbers of the strongest items, so many at most, and the visits and items of their lines, in the new numbers."""
    kept = _strongest(strengths(items, line_items, at_seconds[line_visits]), most)
    number_of = np.full(items, -1, np.int64)
    number_of[kept] = np.arange(most)
    stays = number_of[line_items] >= 0
    return kept.tolist(), line_visits[stays], number_of[line_items[stays]]


def inserted(names: Sequence[str], places: Sequence[int], new: Sequence[str]) -> list[str]:
    """`names` with the new ones before those that stand at these ascending places."""
    found, start = list[str](), 0
    for place, name in zip(places, new, strict=True):
        found += names[start:place]
        found.append(name)
        start = place
    found += names[start:]
    return found


def shifted(numbers: Integers, places: Sequence[int]) -> Integers:
    """The numbers of what stood there before something was put in at these places."""
    return numbers + np.searchsorted(places, numbers, side="right") if places else numbers
