"""What a customer is worth and which figures rules may ask for: derived from what is known and the newest return model. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.common.contracts.profile import ConsentInForce, CustomerValue
from libs.ranking.state import Integers
from services.profile.domain.facet import Facet, PeriodKey, PeriodTally
from services.profile.domain.figures import Figure, Figures, Tier, numbers_of, period_at, words_of
from services.profile.domain.return_chance import ReturnChance, standing_of
from services.profile.domain.rhythm import TripRhythm, rhythm_of_trips
from services.profile.domain.value import Value, expected_spend_cents, value_of
from services.profile.handlers.contacts import seconds_of

HORIZON_DAYS = 30
YEAR_DAYS = 365
HABIT_VISITS = 5  # with fewer trips nothing is said about habits
NEW_DAYS = 60
GOLD_WEEKLY_CENTS = 10_000
SILVER_RATIO = 0.5  # of the pace of gold


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a customer as of the newest event in it: the answers follow from it, whenever they are asked for."""

    facet: Facet
    """Folded; it may lack what is about goods."""
    trips: Integers
    """When they were, ascending, as far back as the facet keeps them."""
    as_of: datetime
    currency: str | None
    consents: tuple[ConsentInForce, ...]
    periods: Callable[[], Mapping[PeriodKey, PeriodTally]]
    """Of the same facets; few rules ask for them."""


@dataclass(frozen=True, slots=True)
class Worth:
    """The figures that rules ask for, and the value for whom has bought something in a known currency."""

    figures: Figures
    value: CustomerValue | None


def worth_of(known: Known, returns: ReturnChance) -> Worth:
    """What this customer is worth, by this model."""
    at_seconds, currency = seconds_of(known.as_of), known.currency
    rhythm, value = rhythm_of_trips(known.trips, at_seconds), value_of(known.facet, at_seconds)
    numbers = numbers_of(known.facet, at_seconds, rhythm, value)
    worth = None
    if rhythm is not None and currency is not None:
        tier = _tier(numbers[Figure.KNOWN_DAYS], rhythm, value)
        chance = returns.predict(standing_of(rhythm, value), at_seconds, HORIZON_DAYS)
        worth = CustomerValue(
            currency=currency,
            expected_year_cents=max(expected_spend_cents(value, chance, YEAR_DAYS), 0),
            chance_of_return_30_days_ratio=round(chance, 6),
            tier=tier,
        )
        numbers[Figure.EXPECTED_YEAR_CENTS] = worth.expected_year_cents
        numbers[Figure.RETURN_30_DAYS_RATIO] = worth.chance_of_return_30_days_ratio
    figures = Figures(
        numbers=numbers,
        currency=currency,
        tier=worth.tier if worth else None,
        consents=words_of(known.consents),
        periods_of=known.periods,
        period_now=period_at(at_seconds),
    )
    return Worth(figures, worth)


def _tier(known_days: float, rhythm: TripRhythm, value: Value) -> Tier:
    if rhythm.visits < HABIT_VISITS and known_days < NEW_DAYS:
        return "new"
    if value.weekly_cents >= GOLD_WEEKLY_CENTS:
        return "gold"
    return "silver" if value.weekly_cents >= SILVER_RATIO * GOLD_WEEKLY_CENTS else "bronze"
