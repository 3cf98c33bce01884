"""What each store gets of a depot that has too little: pack by pack to where it spares the most missed sales; used by echelons.

maximize sum_s V_s(n_s)  with  sum_s n_s <= what there is,  0 <= n_s <= what s asks for

V_s(n) is what n packs spare at s. Its steps v_s(k) = V_s(k) - V_s(k - 1) never rise with k (a pack more spares less than the one before),
so taking the greatest steps one by one is exact: Fox, Discrete optimization via marginal analysis, Management Science 13 (1966). Where
a line has a least order its first step is several packs; then the choice is within one such step of the best.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Packs that only go together, and what they spare, in any unit that all asks share."""

    packs: int
    value: float


@dataclass(frozen=True, slots=True)
class Ask:
    """What one place asks for, step by step; a step's value per pack never rises."""

    place: str
    steps: Sequence[Step]


def fair_shares(asks: Sequence[Ask], packs: int) -> Mapping[str, int]:
    """How many packs each place gets; ties go to the place that has got less of this so far, then by id.

    >>> fair_shares([Ask("a", [Step(1, 3.0), Step(1, 1.0)]), Ask("b", [Step(1, 2.0), Step(1, 1.5)])], 3)
    {'a': 1, 'b': 2}
    """
    given = {ask.place: 0 for ask in sorted(asks, key=lambda one: one.place)}
    steps = {ask.place: ask.steps for ask in asks}
    queue = [_entry(ask.place, ask.steps, 0, 0) for ask in asks if ask.steps]
    heapq.heapify(queue)
    while queue and packs > 0:
        *_, place, number = heapq.heappop(queue)
        size = steps[place][number].packs
        if size > packs:
            continue
        packs -= size
        given[place] += size
        if number + 1 < len(steps[place]):
            heapq.heappush(queue, _entry(place, steps[place], number + 1, given[place]))
    return given


def _entry(place: str, steps: Sequence[Step], number: int, got: int) -> tuple[float, int, str, int]:
    step = steps[number]
    return -step.value / step.packs, got, place, number
