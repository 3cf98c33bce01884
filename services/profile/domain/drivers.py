"""What a customer's expected value is made of, so that staff see why and not only how much. Pure."""

from dataclasses import dataclass
from typing import Literal

from services.profile.domain.value import Value

Pull = Literal["factor", "up", "down", "none"]
NOTABLE_TREND = 0.1
NOTABLE_DISCOUNT_RATIO = 0.15
DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Driver:
    """One figure with its unit in its name. The factors multiply to the value; the others say where it is going."""

    figure: str
    value: float
    pull: Pull


def drivers_of(value: Value, chance_of_return: float, days: int) -> tuple[Driver, ...]:
    """What the spend of the next `days` is expected from: so much a visit, so many visits a week, so many weeks, if at all."""
    basket = value.weekly_cents / value.weekly_visits if value.weekly_visits > 0 else 0.0
    return (
        Driver("basket_cents", round(basket, 2), "factor"),
        Driver("weekly_visits_count", round(value.weekly_visits, 6), "factor"),
        Driver("horizon_weeks", round(days / DAYS_A_WEEK, 6), "factor"),
        Driver("return_30_days_ratio", chance_of_return, "factor"),
        Driver("trend_ratio", round(value.trend_ratio, 3), _pull(value.trend_ratio - 1.0)),
        Driver(
            "discount_ratio",
            round(value.discount_ratio, 3),
            "down" if value.discount_ratio > NOTABLE_DISCOUNT_RATIO else "none",
        ),
    )


def _pull(change: float) -> Pull:
    if abs(change) < NOTABLE_TREND:
        return "none"
    return "up" if change > 0 else "down"
