"""What places will probably order from a depot in the next days, from what they have and when they order; used by depots.

A place with position x orders when demand D has taken it below its trigger s, each time Q (the fewest whole packs from s - 1 up to S):
the order k = 0, 1, .. is placed when D > x - s + k Q. So with P_k = P(D > x - s + k Q)

    E[orders]  = Q sum_k P_k          E[orders^2] = Q^2 sum_k (2 k + 1) P_k

exactly, where orders bring back what was taken. A place that is below its trigger now orders at once, up to S.
"""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import GREATEST_EXACT_MEAN, FloatArray, IntArray, shortages

_TAIL = 6.0
"""Standard deviations above the mean after which no order is expected."""
_ROUNDING = 12.0
"""The variance of a uniform rounding is its width squared over this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Places that a depot supplies, a row each, in units."""

    position: FloatArray
    """What is there and on its way."""
    trigger: FloatArray
    aim: FloatArray
    pack: float
    mean: FloatArray
    """Demand over the days that are looked ahead."""
    variance: FloatArray


def orders_ahead(customers: Customers) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of what each place will order in that time."""
    pack = customers.pack
    short = customers.position < customers.trigger
    at_once = np.where(short, np.ceil((customers.aim - customers.position) / pack - 1e-9) * pack, 0.0)
    room = np.maximum(customers.position + at_once - customers.trigger, 0.0)
    lot = np.maximum(np.ceil((customers.aim - customers.trigger + 1) / pack - 1e-9), 1.0) * pack
    large = customers.mean > GREATEST_EXACT_MEAN
    mean = np.maximum(customers.mean - room + (lot - 1) / 2, 0.0)
    variance = customers.variance + lot * lot / _ROUNDING
    if not large.all():  # a table of what is large would be as wide as its demand strays
        small = ~large
        mean[small], variance[small] = _in_lots(
            customers.mean[small], customers.variance[small], room[small], lot[small]
        )
    return at_once + mean, variance


def _in_lots(
    mean: FloatArray, variance: FloatArray, room: FloatArray, lot: FloatArray
) -> tuple[FloatArray, FloatArray]:
    ends = np.ceil(mean + _TAIL * np.sqrt(np.maximum(variance, mean)) + 1)
    greatest = int(ends.max(initial=1.0))
    table = shortages(mean, variance, greatest + 1)
    above = table[:, :-1] - table[:, 1:]  # P(D > x)
    times = np.arange(max(int(np.ceil((greatest - room) / lot).max(initial=1.0)), 1))
    at: IntArray = np.floor(room[:, None] + times * lot[:, None] + 1e-9).astype(np.int64)
    rows = np.arange(len(mean))[:, None]
    chance = np.where(at <= greatest, above[rows, np.minimum(at, greatest)], 0.0)
    first = lot * chance.sum(axis=1)
    second = lot * lot * (chance * (2 * times + 1)).sum(axis=1)
    return first, np.maximum(second - first * first, 0.0)
