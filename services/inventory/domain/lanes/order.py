"""The second stage: all orders of one lane's round together are cut, or filled up, to truck, budget and minimum order; pure.

Each proposal is a row of steps (a pack, or its least order), worth less and less. Wanted is the choice of the first k_i steps of
each proposal i that is worth most within the limits d = 1..D:

    max  sum v        subject to   sum w_d <= C_d

Greedy by v / (l . w) for several prices l of the limits, the best kept. For any l >= 0 the dual

    L(l) = l . C + sum max(0, v - l . w)

is no less than the optimum (weak duality; Martello, Toth, Knapsack Problems, 1990, section 2.2), so L - value is a bound of what is
lost, stated with every round. With one limit nothing more than one step's value is lost, with steps of one size nothing at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from services.inventory.domain.catalog import LaneLimits
from services.inventory.domain.distribution import FloatArray, IntArray
from services.inventory.domain.lanes.choice import BoolArray, Steps, by_density, dual, greedy, take


@dataclass(frozen=True, slots=True)
class PackStep:
    """What a proposal asks for next: so many packs, worth `value_cents` of margin that would be missed without them."""

    packs: int
    value_cents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One held order of the lane. `steps` in the order in which they are worth less; the first `asked` were asked for, others fill up."""

    command_id: str
    steps: Sequence[PackStep]
    asked: int
    pack_milli: int
    pack_grams: int = 0
    pack_ml: int = 0
    pack_cents: int = 0


class LaneOutcome(StrEnum):
    """What became of a proposal."""

    WHOLE = "whole"
    CUT = "cut"
    DROPPED = "dropped"
    FILLED = "filled"
    WAITS = "waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOrder:
    """A decided round."""

    packs: Mapping[str, int]
    """By command; 0: nothing of it goes out in this round."""
    outcomes: Mapping[str, LaneOutcome]
    value_cents: float
    gap_cents: float
    """No choice within the limits is worth more than this above `value_cents`."""
    order_cents: int
    bound_by: tuple[str, ...] = ()
    """Which limits cut it: units, weight, volume, budget; or minimum, where it waits."""


_NAMES = ("units", "weight", "volume", "budget")


def decide_lane(proposals: Sequence[Proposal], limits: LaneLimits) -> LaneOrder:
    """The round of one lane: the same proposals give the same order, whatever their order."""
    steps = _columns(sorted(proposals, key=lambda one: one.command_id))
    names, room = _room(limits)
    sizes = steps.sizes[:, [_NAMES.index(name) for name in names]] if names else np.zeros((len(steps.value), 0))
    taken, bound_by, gap = _asked(steps, sizes, room, names)
    wants_more = limits.fills_truck or (limits.minimum_cents or 0) > int(steps.cents[taken].sum())
    if wants_more:
        taken = _filled(steps, sizes, room, taken, limits)
    spent = int(steps.cents[taken].sum())
    if spent < (limits.minimum_cents or 0):
        taken = np.zeros(len(taken), dtype=np.bool_)
        return _result(steps, taken, ("minimum",), 0.0, waits=True)
    return _result(steps, taken, bound_by, gap)


def _columns(proposals: Sequence[Proposal]) -> Steps:
    rows = [
        (owner, place, step.packs, step.value_cents, one, place < one.asked)
        for owner, one in enumerate(proposals)
        for place, step in enumerate(one.steps)
    ]
    packs = np.array([row[2] for row in rows], dtype=np.int64)
    each = np.array(
        [(row[4].pack_milli, row[4].pack_grams, row[4].pack_ml, row[4].pack_cents) for row in rows], dtype=np.int64
    ).reshape(len(rows), len(_NAMES))
    return Steps(
        owner=np.array([row[0] for row in rows], dtype=np.int64),
        place=np.array([row[1] for row in rows], dtype=np.int64),
        packs=packs,
        value=np.array([max(row[3], 0.0) for row in rows], dtype=np.float64),
        sizes=(each * packs[:, None]).astype(np.float64),
        cents=each[:, 3] * packs,
        asked=np.array([row[5] for row in rows], dtype=np.bool_),
        order=[one.command_id for one in proposals],
    )


def _room(limits: LaneLimits) -> tuple[Sequence[str], FloatArray]:
    said = (
        ("units", None if limits.truck_units is None else limits.truck_units * 1000),
        ("weight", limits.truck_grams),
        ("volume", limits.truck_ml),
        ("budget", limits.budget_cents),
    )
    named = [(name, float(room)) for name, room in said if room is not None]
    return [name for name, _ in named], np.array([room for _, room in named])


def _asked(
    steps: Steps, sizes: FloatArray, room: FloatArray, names: Sequence[str]
) -> tuple[BoolArray, tuple[str, ...], float]:
    """What was asked for, cut to the limits where it must be; which limits cut, and how much may have been lost."""
    asked = np.flatnonzero(steps.asked)
    load = sizes[asked].sum(axis=0)
    over = load > room
    taken = np.zeros(len(steps.value), dtype=np.bool_)
    if not over.any():
        taken[asked] = True
        return taken, (), 0.0
    prices, bound = dual(steps.value[asked], sizes[asked], room)
    candidates = [prices, *np.diag(1.0 / np.maximum(room, 1e-9))[over], 1.0 / np.maximum(room, 1e-9)]
    best, best_value = taken, -1.0
    for price in candidates:
        found = greedy(steps, sizes, room, asked, price)
        value = float(steps.value[found].sum())
        if value > best_value + 1e-9:
            best, best_value = found, value
    named = tuple(name for name, is_over in zip(names, over.tolist(), strict=True) if is_over)
    return best, named, max(bound - best_value, 0.0)


def _filled(steps: Steps, sizes: FloatArray, room: FloatArray, taken: BoolArray, limits: LaneLimits) -> BoolArray:
    """With more of what is worth most for its cost: until the minimum order is reached, or the truck is full."""
    fits = ~taken & (steps.value > 0) & (limits.fills_truck | (steps.cents > 0))
    rows: IntArray = np.flatnonzero(fits)
    order = by_density(steps, rows, np.maximum(steps.cents[rows], 1))
    enough = np.inf if limits.fills_truck else float(limits.minimum_cents or 0)
    return take(steps, sizes, room, order, taken, enough)


def _result(steps: Steps, taken: BoolArray, bound_by: tuple[str, ...], gap: float, *, waits: bool = False) -> LaneOrder:
    count = len(steps.order)
    packs = np.bincount(steps.owner[taken], weights=steps.packs[taken], minlength=count).astype(np.int64)
    asked = np.bincount(steps.owner[steps.asked], weights=steps.packs[steps.asked], minlength=count).astype(np.int64)
    outcomes = {}
    for place, command_id in enumerate(steps.order):
        outcomes[command_id] = LaneOutcome.WAITS if waits else _outcome(int(packs[place]), int(asked[place]))
    return LaneOrder(
        packs=dict(zip(steps.order, packs.tolist(), strict=True)),
        outcomes=outcomes,
        value_cents=float(steps.value[taken].sum()),
        gap_cents=gap,
        order_cents=int(steps.cents[taken].sum()),
        bound_by=bound_by,
    )


def _outcome(packs: int, asked: int) -> LaneOutcome:
    if packs == asked:
        return LaneOutcome.WHOLE
    if packs > asked:
        return LaneOutcome.FILLED
    return LaneOutcome.CUT if packs else LaneOutcome.DROPPED
