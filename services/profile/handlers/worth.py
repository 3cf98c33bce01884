"""What a customer is worth and which figures rules may ask for: derived from the folded facet and the newest return model. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from libs.common.contracts.profile import ConsentInForce, CustomerValue
from libs.ranking.state import CustomerRankingState
from services.profile.domain.facet import Facet
from services.profile.domain.figures import Figure, Figures, Tier, numbers_of, period_at, words_of
from services.profile.domain.return_chance import ReturnChance, standing_of
from services.profile.domain.rhythm import TripRhythm, trip_rhythm
from services.profile.domain.value import Value, expected_spend_cents, value_of

HORIZON_DAYS = 30
YEAR_DAYS = 365
HABIT_VISITS = 5  # with fewer trips nothing is said about habits
NEW_DAYS = 60
GOLD_WEEKLY_CENTS = 10_000
SILVER_RATIO = 0.5  # of the pace of gold


@dataclass(frozen=True, slots=True)
class Worth:
    """The figures that rules ask for, and the value for whom has bought something in a known currency."""

    figures: Figures
    value: CustomerValue | None


def worth_of(
    facet: Facet,
    state: CustomerRankingState,
    at_seconds: int,
    returns: ReturnChance,
    currency: str | None,
    consents: Iterable[ConsentInForce],
) -> Worth:
    """As of `at_seconds`, the newest event time in the facet: so it is a function of what is known, not of when it is asked."""
    rhythm, value = trip_rhythm(state, at_seconds), value_of(facet, at_seconds)
    numbers = numbers_of(facet, at_seconds, rhythm, value)
    worth = None
    if rhythm is not None and currency is not None:
        worth = _value(rhythm, value, _tier(numbers[Figure.KNOWN_DAYS], rhythm, value), at_seconds, returns, currency)
        numbers[Figure.EXPECTED_YEAR_CENTS] = worth.expected_year_cents
        numbers[Figure.RETURN_30_DAYS_RATIO] = worth.chance_of_return_30_days_ratio
    figures = Figures(
        numbers=numbers,
        currency=currency,
        tier=worth.tier if worth else None,
        consents=words_of(consents),
        periods=facet.periods,
        period_now=period_at(at_seconds),
    )
    return Worth(figures, worth)


def _value(
    rhythm: TripRhythm, value: Value, tier: Tier, at_seconds: int, returns: ReturnChance, currency: str
) -> CustomerValue:
    chance = returns.predict(standing_of(rhythm, value), at_seconds, HORIZON_DAYS)
    return CustomerValue(
        currency=currency,
        expected_year_cents=max(expected_spend_cents(value, chance, YEAR_DAYS), 0),
        chance_of_return_30_days_ratio=round(chance, 6),
        tier=tier,
    )


def _tier(known_days: float, rhythm: TripRhythm, value: Value) -> Tier:
    if rhythm.visits < HABIT_VISITS and known_days < NEW_DAYS:
        return "new"
    if value.weekly_cents >= GOLD_WEEKLY_CENTS:
        return "gold"
    return "silver" if value.weekly_cents >= SILVER_RATIO * GOLD_WEEKLY_CENTS else "bronze"
