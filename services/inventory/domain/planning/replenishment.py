"""Reorder: when to ask for more and for how much, by (s, nQ) up to a target; used by planning and the review.

The trigger s is a quantile of the demand that must be lived through before an order decided later could arrive. When what is there and
on its way falls below s, whole packs are ordered until s plus some days of cover is reached (rounding goes up: the last pack may pass it).
"""

from dataclasses import dataclass, field

import numpy as np

from services.inventory.domain.commands.patience import Patience
from services.inventory.domain.distribution import FloatArray, IntArray, quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a chain decides. Service targets are the chance to get from one arrival to the next without an empty shelf."""

    fast_weekly_units: float = 7.0
    slow_weekly_units: float = 1.0
    fast_target_ratio: float = 0.97
    usual_target_ratio: float = 0.95
    slow_target_ratio: float = 0.85
    cover_days: float = 7.0
    slow_cover_days: float = 28.0
    """Slow items are ordered rarely: an order line costs more than the piece it waits for."""

    least_shelf_days: float = 1.0
    """Nothing is ordered for a shelf that was seen for less than this: a guess is not a need."""

    hold_ratio: float = 0.005
    """What it costs to have a unit on the shelf for a day, as a share of the price."""

    margin_ratio: float = 0.5
    """What a lost sale costs, as a share of the price, where no cost is known."""

    order_line_cents: int = 250
    """What handling one order line costs, from picking to shelving: nothing is ordered to spare less margin than this."""

    transfer_line_cents: int = 30
    transfer_unit_cents: int = 5
    transfer_days: float = 1.0
    reroute: bool = True
    """Whether stock is moved between stores at all."""

    hurdle_ratio: float = 1.25
    """A transfer must save this many times what it costs."""

    greatest_transfer_units: int = 60
    reorder_validity_hours: int = 48
    reroute_validity_hours: int = 12
    depot_target_ratio: float = 0.6
    """In what share of cases a depot is to have all that is asked of it until the next order's goods are there."""

    patience: Patience = field(default_factory=Patience)

    def targets(self, rate: FloatArray) -> FloatArray:
        """The service target of each shelf by how fast it sells."""
        weekly = rate * 7
        usual = np.where(weekly < self.slow_weekly_units, self.slow_target_ratio, self.usual_target_ratio)
        return np.where(weekly >= self.fast_weekly_units, self.fast_target_ratio, usual)

    def cover(self, rate: FloatArray) -> FloatArray:
        """Days of demand that an order adds on top of the trigger."""
        return np.where(rate * 7 < self.slow_weekly_units, self.slow_cover_days, self.cover_days)

    def target_ratio_of(self, rate: float) -> float:
        """The service target of one shelf."""
        return float(self.targets(np.array([rate]))[0])

    def cover_days_of(self, rate: float) -> float:
        """The cover of one shelf."""
        return float(self.cover(np.array([rate]))[0])

    def margin_cents(self, price_cents: int | None, cost_cents: int | None) -> float:
        """What one lost sale costs; 0 where no price is known, so that nothing is moved for an unknown gain."""
        if price_cents is None:
            return 0.0
        if cost_cents is not None:
            return float(max(price_cents - cost_cents, 0))
        return price_cents * self.margin_ratio


def trigger_units(mean: FloatArray, variance: FloatArray, rate: FloatArray, policy: Policy) -> IntArray:
    """Below this many units an order is due: the target quantile of demand over the protection time."""
    return quantile(mean, variance, policy.targets(rate))


def order_up_to_units(trigger: IntArray, rate: FloatArray, policy: Policy) -> IntArray:
    """What an order fills up to."""
    return trigger + np.maximum(np.ceil(rate * policy.cover(rate)), 1.0).astype(np.int64)


def packs_needed(position_milli: int, trigger_milli: int, order_up_to_milli: int, pack_milli: int) -> int:
    """Whole packs to order now; 0 while the position is at or above the trigger.

    >>> packs_needed(3_000, 4_000, 10_000, 6_000), packs_needed(4_000, 4_000, 10_000, 6_000)
    (2, 0)
    """
    if position_milli >= trigger_milli:
        return 0
    return -((position_milli - order_up_to_milli) // pack_milli)
