"""The search behind a lane's round: prices of its limits, and greedy choices by them; called by lane_order.py, which states the problem."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.inventory.domain.distribution import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
_ROUNDS = 40
"""How often the prices of the limits are improved."""


@dataclass(slots=True)
class Steps:
    """All steps of all proposals as columns, proposals in the order of their ids."""

    owner: IntArray
    place: IntArray
    packs: IntArray
    value: FloatArray
    sizes: FloatArray
    cents: IntArray
    asked: BoolArray
    order: Sequence[str]


def dual(value: FloatArray, sizes: FloatArray, room: FloatArray) -> tuple[FloatArray, float]:
    """Prices of the limits with a low L, one limit at a time by bisection, and that L."""
    prices = np.zeros(len(room))
    best, bound = prices.copy(), float(value.sum())
    for turn in range(_ROUNDS):
        limit = turn % len(room)
        prices[limit] = _price(value - sizes @ prices + sizes[:, limit] * prices[limit], sizes[:, limit], room[limit])
        found = float(prices @ room + np.maximum(value - sizes @ prices, 0.0).sum())
        if found < bound - 1e-12:
            best, bound = prices.copy(), found
        if len(room) == 1:
            break
    return best, bound


def _price(value: FloatArray, size: FloatArray, room: float) -> float:
    """The least price at which what is still worth it fits: the density of the step at which the limit is reached."""
    worth = np.flatnonzero((value > 0) & (size > 0))
    density = value[worth] / size[worth]
    order = np.argsort(-density, kind="stable")
    over = np.flatnonzero(np.cumsum(size[worth][order]) > room)
    return float(density[order][over[0]]) if over.size else 0.0


def greedy(steps: Steps, sizes: FloatArray, room: FloatArray, rows: IntArray, price: FloatArray) -> BoolArray:
    """Steps in the order of value over priced size, each proposal's first ones first, as long as they fit.

    Ties go to the lower command id: nothing depends on the order in which proposals came.
    """
    weight = np.maximum(sizes[rows] @ price, 1e-12)
    taken = np.zeros(len(steps.value), dtype=np.bool_)
    return take(steps, sizes, room, by_density(steps, rows, weight), taken)


def by_density(steps: Steps, rows: IntArray, weight: FloatArray | IntArray) -> IntArray:
    """These rows, the most worth for its weight first; ties by proposal, then by step."""
    density = steps.value[rows] / weight
    found: IntArray = rows[np.lexsort((steps.place[rows], steps.owner[rows], -density))]
    return found


def take(
    steps: Steps, sizes: FloatArray, room: FloatArray, order: IntArray, taken: BoolArray, enough_cents: float = np.inf
) -> BoolArray:
    """Take steps in this order until they cost enough, each after those before it of its proposal; what does not fit is passed over."""
    taken = taken.copy()
    left = room - sizes[taken].sum(axis=0)
    following = np.bincount(steps.owner[taken], minlength=len(steps.order))
    spent = float(steps.cents[taken].sum())
    for row in order.tolist():
        if spent >= enough_cents:
            break
        owner = steps.owner[row]
        if steps.place[row] == following[owner] and (sizes[row] <= left + 1e-9).all():
            taken[row] = True
            left = left - sizes[row]
            following[owner] += 1
            spent += float(steps.cents[row])
    return taken
