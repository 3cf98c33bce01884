"""What a customer is worth and belongs to, as snapshots say it: derived from the folded facet and the newest return model. Pure."""

from dataclasses import dataclass
from typing import Literal

from libs.common.contracts.profile import CustomerValue
from libs.ranking.state import CustomerRankingState
from services.profile.domain.facet import Facet
from services.profile.domain.return_chance import ReturnChance, standing_of
from services.profile.domain.rhythm import TripRhythm, trip_rhythm
from services.profile.domain.segments import Figures, Thresholds, figures_of, segments_of
from services.profile.domain.value import expected_spend_cents, value_of

HORIZON_DAYS = 30
YEAR_DAYS = 365
SILVER_RATIO = 0.5  # of the pace from which a customer counts as high value

Tier = Literal["gold", "silver", "bronze", "new"]


@dataclass(frozen=True, slots=True)
class Worth:
    """Segments, and the value for whom has bought something in a known currency."""

    segments: tuple[str, ...]
    value: CustomerValue | None


def worth_of(
    facet: Facet, state: CustomerRankingState, at_seconds: int, returns: ReturnChance, currency: str | None
) -> Worth:
    """As of `at_seconds`, the newest event time in the facet: so it is a function of what is known, not of when it is asked."""
    thresholds = Thresholds()
    rhythm, value = trip_rhythm(state, at_seconds), value_of(facet, at_seconds)
    figures = figures_of(min(facet.first_at_seconds, at_seconds), at_seconds, rhythm, value)
    segments = segments_of(figures, thresholds)
    if rhythm is None or currency is None:
        return Worth(segments, None)
    chance = returns.predict(standing_of(rhythm, value), at_seconds, HORIZON_DAYS)
    return Worth(
        segments,
        CustomerValue(
            currency=currency,
            expected_year_cents=max(expected_spend_cents(value, chance, YEAR_DAYS), 0),
            chance_of_return_30_days_ratio=round(chance, 6),
            tier=_tier(figures, rhythm, thresholds),
        ),
    )


def _tier(figures: Figures, rhythm: TripRhythm, thresholds: Thresholds) -> Tier:
    if rhythm.visits < thresholds.habit_visits and figures.days_known < thresholds.new_days:
        return "new"
    if figures.weekly_cents >= thresholds.high_value_weekly_cents:
        return "gold"
    return "silver" if figures.weekly_cents >= SILVER_RATIO * thresholds.high_value_weekly_cents else "bronze"
