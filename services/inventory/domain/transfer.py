"""Reroute: move stock between stores only where that saves clearly more than it costs; used by the review, one item at a time.

A receiver's loss is the margin on the demand above its stock between the earliest arrival of a transfer and its next supply; a donor's
is the margin on the demand above what it keeps until its own next supply, and it never goes below its trigger. Losses are convex
in stock, so for one receiver and one donor every quantity is tried; receivers choose in the order of their loss, each one donor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import FloatArray, shortage_at, shortages
from services.inventory.domain.replenishment import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One store's side of an item: whole units, demand as mean and variance."""

    place: int
    """Its place among the item's stores, in the order of their ids."""

    free_units: int
    """On hand and not promised."""

    arriving_units: int = 0
    """On its way already."""

    keep_units: int
    """What it must keep: its trigger."""

    gap_mean: float
    gap_variance: float
    """Demand between the arrival of a transfer decided now and the next supply."""

    own_mean: float
    own_variance: float
    """Demand until an order decided later would arrive: what a donor must live through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`units` from one place to another, and what it saves and costs in minor units."""

    donor: int
    receiver: int
    units: int
    saved_cents: float
    donor_loss_cents: float
    cost_cents: float


def plan_transfers(shelves: Sequence[Shelf], margin_cents: float, policy: Policy) -> Sequence[Transfer]:
    """The transfers of one item that pass the hurdle; none gives a donor more loss than its receiver is spared."""
    greatest = policy.greatest_transfer_units
    stock = {shelf.place: shelf.free_units + shelf.arriving_units for shelf in shelves}
    free = {shelf.place: shelf.free_units - shelf.keep_units for shelf in shelves}
    donors = [shelf for shelf in shelves if free[shelf.place] > 0]
    needy = [shelf for shelf in shelves if stock[shelf.place] < shelf.keep_units and shelf.gap_mean > 0]
    if not donors or not needy or margin_cents <= 0:
        return ()
    gap = shortages(*_arrays([(shelf.gap_mean, shelf.gap_variance) for shelf in needy]), upto=2 * greatest)
    upto = max(shelf.free_units for shelf in donors)
    own = shortages(*_arrays([(shelf.own_mean, shelf.own_variance) for shelf in donors]), upto=min(upto, 1000))
    order = sorted(
        range(len(needy)), key=lambda row: (-shortage_at(gap, row, stock[needy[row].place]), needy[row].place)
    )
    chosen: list[Transfer] = []
    for row in order:
        receiver = needy[row]
        options = [
            best
            for place, donor in enumerate(donors)
            if donor.place != receiver.place and free[donor.place] > 0
            for best in [_best(gap[row], own[place], receiver, donor, stock, free, margin_cents, policy)]
            if best is not None
        ]
        if options:
            best = max(options, key=lambda one: (one.saved_cents - one.donor_loss_cents - one.cost_cents, -one.donor))
            chosen.append(best)
            stock[best.receiver] += best.units
            stock[best.donor] -= best.units
            free[best.donor] -= best.units
    return chosen


def _best(  # noqa: PLR0913  # the two sides of one exchange
    gap: FloatArray,
    own: FloatArray,
    receiver: Shelf,
    donor: Shelf,
    stock: dict[int, int],
    free: dict[int, int],
    margin_cents: float,
    policy: Policy,
) -> Transfer | None:
    """The quantity between these two that gains most, or None when none passes the hurdle."""
    units = np.arange(1, min(free[donor.place], policy.greatest_transfer_units) + 1)
    here, there = stock[receiver.place], stock[donor.place]
    saved = margin_cents * (_loss(gap, np.array([here])) - _loss(gap, here + units))
    lost = margin_cents * (_loss(own, there - units) - _loss(own, np.array([there])))
    cost = policy.transfer_line_cents + policy.transfer_unit_cents * units
    gain = saved - lost - policy.hurdle_ratio * cost
    best = int(np.argmax(gain))
    if gain[best] <= 0:
        return None
    return Transfer(
        donor=donor.place,
        receiver=receiver.place,
        units=int(units[best]),
        saved_cents=float(saved[best]),
        donor_loss_cents=float(lost[best]),
        cost_cents=float(cost[best]),
    )


def _loss(table: FloatArray, stock: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> FloatArray:
    """Expected shortage at each stock; below nothing all that is owed is added."""
    found: FloatArray = table[np.clip(stock, 0, len(table) - 1)] - np.minimum(stock, 0)
    return found


def _arrays(pairs: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    means, variances = np.array(pairs, dtype=np.float64).T
    return means, variances
