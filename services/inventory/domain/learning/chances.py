"""Chances that what a shelf has is asked for before more can come, by negative binomial demand; used by transfers."""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.closing import Plans
from services.inventory.domain.learning.facts import FloatArray, IntArray, Position, Supply

GREATEST_UNITS = 30
"""Units above which stock makes no difference to what may be missing."""

SOON_DAYS = 2
_COUNTS: FloatArray = np.arange(1.0, GREATEST_UNITS + 1)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Per row how long what it has must last, in days."""

    first: IntArray
    """Until what is on its way arrives, or else the next order."""

    replaced: IntArray
    """Until the next order."""

    more: IntArray
    """Units that arrive between the two."""


def order_days(day: int, supply: Supply) -> IntArray:
    """Days until the morning on which the next order could be on each shelf, as far as acknowledgements tell."""
    days: IntArray = np.maximum(supply.wait_days + supply.lead_days, supply.late_until - day)
    return days


def exceeding(mean: FloatArray, excess: FloatArray) -> FloatArray:
    """P(D > k) for k = 0 .. `GREATEST_UNITS` (rows) of negative binomial demand."""
    shape = 1 / np.maximum(excess, 1e-3)
    share = mean / (shape + mean)
    # P(0), and the two factors that lead from each P(k - 1) to P(k): accumulated as they would be one by one.
    factors = np.empty((1 + 2 * GREATEST_UNITS, len(mean)))
    factors[0] = np.exp(shape * np.log1p(-share))
    factors[1::2] = (shape + _COUNTS - 1) / _COUNTS
    factors[2::2] = share
    tails = np.empty((2 + GREATEST_UNITS, len(mean)))
    tails[0] = 1
    tails[1:] = np.multiply.accumulate(factors, axis=0)[::2]
    clipped: FloatArray = np.clip(np.subtract.accumulate(tails, axis=0)[1:], 0.0, 1.0)
    return clipped


def span_of(plans: Plans, supply: Supply, position: Position) -> Span:
    """How long each row must last as of the close."""
    replaced = order_days(plans.day, supply)
    ahead = np.arange(2, len(position.coming) + 1)[:, None]
    later = position.coming[1:] * (ahead < replaced)
    arrives = np.where(later.any(axis=0), (later > 0).argmax(axis=0) + 2, replaced)
    return Span(first=np.maximum(arrives - 1, 1), replaced=replaced, more=np.floor(later.sum(axis=0)).astype(np.int64))


def whole_units(position: Position) -> IntArray:
    """Whole units tomorrow morning."""
    have: IntArray = np.floor(position.free + position.coming[0]).astype(np.int64)
    return have


def soon_missed(plans: Plans, span: Span, position: Position, places: IntArray) -> FloatArray:
    """Of these rows, the units that are missed before a later transfer could come."""
    near = _beyond(plans, np.minimum(span.first, SOON_DAYS), places)
    short = np.cumsum(near[::-1], axis=0)[::-1]
    lost: FloatArray = short[np.clip(whole_units(position)[places], 0, GREATEST_UNITS), np.arange(len(places))]
    return lost


def missing_chances(plans: Plans, span: Span) -> FloatArray:
    """P that one unit more would be sold before an order can make up for it, by stock (rows)."""
    rows = np.arange(len(span.first))
    sooner, whole = (_beyond(plans, days, rows) for days in (span.first, np.maximum(span.replaced - 1, 1)))
    stocked = np.clip(np.arange(GREATEST_UNITS + 1)[:, None] + span.more, 0, GREATEST_UNITS)
    after = np.where(span.more > 0, np.take_along_axis(whole, stocked, axis=0), 0.0)
    chances: FloatArray = 1 - (1 - sooner) * (1 - after)
    return chances


def _beyond(plans: Plans, days: IntArray, places: IntArray) -> FloatArray:
    """P(D > k) of the coming `days` for these rows."""
    mean = plans.demand.over(np.ones_like(days), days)
    return exceeding(mean[places], plans.spread.over(days)[places])
