"""Reroute: move stock between stores only where that saves clearly more than it costs; used by the review, one item at a time.

A receiver's loss is the margin on the demand above its stock between the earliest arrival of a transfer and its next supply; a donor's
is the margin on the demand above what it keeps until its own next supply, and it never goes below its trigger. Losses are convex
in stock, so for one receiver and one donor every quantity is tried; receivers choose in the order of their loss, each one donor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.commands.basis import Lasting
from services.inventory.domain.distribution import FloatArray, IntArray, shortage_at, shortages
from services.inventory.domain.planning.replenishment import Policy

GREATEST_STOCK = 1_000
"""Units above which a donor's stock makes no difference to its losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One store's side of an item: whole units, demand as mean and variance. Known by its place among the item's stores."""

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

    gap_days: float = 0.0
    own_days: float = 0.0
    """How long both times are."""

    room_units: int | None = None
    """What it has room for (shelf_room.py); None: nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`units` from one place to another, and what it saves and costs in minor units."""

    donor: int
    receiver: int
    units: int
    saved_cents: float
    donor_loss_cents: float
    cost_cents: float
    gap_cents: float = 0.0
    """No other set of transfers of this item, moved now, gains more than this on top."""
    hold_cents: float = 0.0
    """What holding costs more; negative where the chain holds less."""
    getter: Lasting | None = None
    giver: Lasting | None = None
    """What both sides expect, and what they have of it."""
    first_chance: float = 0.0
    last_chance: float = 0.0
    piece_cents: float = 0.0
    """How probable it is that the first and the last piece are missed where they go, and what that costs."""


def plan_transfers(shelves: Sequence[Shelf], margin_cents: float, policy: Policy) -> Sequence[Transfer]:
    """The transfers of one item that pass the hurdle; none gives a donor more loss than its receiver is spared."""
    greatest = policy.greatest_transfer_units
    stock = np.array([shelf.free_units + shelf.arriving_units for shelf in shelves], dtype=np.int64)
    spare = np.array([shelf.free_units - shelf.keep_units for shelf in shelves], dtype=np.int64)
    donors: IntArray = np.flatnonzero(spare > 0)
    needy = [place for place, shelf in enumerate(shelves) if stock[place] < shelf.keep_units and shelf.gap_mean > 0]
    room = np.array([greatest if shelf.room_units is None else shelf.room_units for shelf in shelves])
    needy = [place for place in needy if room[place] > 0]
    if not donors.size or not needy or margin_cents <= 0:
        return ()
    gaps = shortages(
        *_demand([(shelves[place].gap_mean, shelves[place].gap_variance) for place in needy]), 2 * greatest
    )
    own = shortages(
        *_demand([(shelves[place].own_mean, shelves[place].own_variance) for place in donors.tolist()]),
        min(int(stock[donors].max()), GREATEST_STOCK),
    )
    order = sorted(range(len(needy)), key=lambda row: (-shortage_at(gaps, row, int(stock[needy[row]])), needy[row]))
    chosen: list[Transfer] = []
    for row in order:
        most = min(greatest, int(room[needy[row]]))
        best = _best(margin_cents * gaps[row], margin_cents * own, needy[row], donors, stock, spare, policy, most)
        if best is not None:
            chosen.append(
                _told(best, shelves, gaps[row], int(stock[best.receiver]), int(stock[best.donor]), margin_cents)
            )
            stock[best.receiver] += best.units
            stock[best.donor] -= best.units
            spare[best.donor] -= best.units
    return chosen


def _best(  # noqa: PLR0913  # both sides of an exchange
    gap: FloatArray,
    own: FloatArray,
    receiver: int,
    donors: IntArray,
    stock: IntArray,
    spare: IntArray,
    policy: Policy,
    greatest: int,
) -> Transfer | None:
    """The donor and quantity, at most `greatest`, that gain most for this receiver; None where none passes the hurdle.

    Ties go to the first store.
    `gap` and `own` hold losses in money by stock: the receiver's, and the donors' (a row each).
    """
    most = min(int(spare[donors].max()), greatest)
    if most <= 0:
        return None
    units = np.arange(1, most + 1)
    here = max(int(stock[receiver]), 0)
    saved = gap[min(here, len(gap) - 1)] - gap[np.minimum(here + units, len(gap) - 1)]
    there = np.minimum(stock[donors], own.shape[1] - 1)[:, None]
    rows = np.arange(len(donors))[:, None]
    lost = own[rows, np.maximum(there - units, 0)] - own[rows, there]
    cost = policy.transfer_line_cents + policy.transfer_unit_cents * units
    gain = np.where(units <= spare[donors][:, None], saved - lost - policy.hurdle_ratio * cost, -np.inf)
    row, column = divmod(int(np.argmax(gain)), most)
    if gain[row, column] <= 0:
        return None
    return Transfer(
        donor=int(donors[row]),
        receiver=receiver,
        units=int(units[column]),
        saved_cents=float(saved[column]),
        donor_loss_cents=float(lost[row, column]),
        cost_cents=float(cost[column]),
    )


def _told(
    one: Transfer, shelves: Sequence[Shelf], gap: FloatArray, here: int, there: int, margin_cents: float
) -> Transfer:
    """With what it was decided on; `gap` holds the units missing by stock, `here` and `there` are what both have."""
    receiver, donor = shelves[one.receiver], shelves[one.donor]
    steps = -np.diff(gap)
    first = min(max(here, 0), len(steps) - 1)
    return replace(
        one,
        getter=Lasting(
            days=receiver.gap_days,
            asked_units=receiver.gap_mean,
            spread_units=math.sqrt(receiver.gap_variance),
            have_units=max(here, 0),
        ),
        giver=Lasting(
            days=donor.own_days,
            asked_units=donor.own_mean,
            spread_units=math.sqrt(donor.own_variance),
            have_units=there,
        ),
        first_chance=float(steps[first]),
        last_chance=float(steps[min(first + one.units - 1, len(steps) - 1)]),
        piece_cents=margin_cents,
    )


def _demand(pairs: Sequence[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    means, variances = np.array(pairs, dtype=np.float64).T
    return means, variances
