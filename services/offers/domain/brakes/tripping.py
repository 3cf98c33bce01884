"""When a brake is pulled by itself: what was promised, given, refused and lost of late, against the bounds that are stated."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.offers.domain.brakes.brake import PulledFor
from services.offers.domain.campaigns.brake_bounds import CampaignBounds, ChainBounds, MoneyBounds
from services.offers.domain.vouchers.voucher import NotRedeemed

FAULTS = frozenset({NotRedeemed.ALREADY_REDEEMED, NotRedeemed.OTHER_CURRENCY, NotRedeemed.NO_ELIGIBLE_LINE})
"""Refusals that say that a campaign is made wrongly or copied; that a voucher came too late is in the nature of vouchers."""
_MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What happened within the window, and since the last brake was released."""

    promised_cents: int = 0
    given_cents: int = 0
    attempts: int = 0
    faults: int = 0

    def __add__(self, other: "Reading") -> "Reading":
        return Reading(
            promised_cents=self.promised_cents + other.promised_cents,
            given_cents=self.given_cents + other.given_cents,
            attempts=self.attempts + other.attempts,
            faults=self.faults + other.faults,
        )


@dataclass(frozen=True, slots=True)
class Tripped:
    """Which rule tripped, and the numbers that say why."""

    rule: PulledFor
    reason: str


def campaign_trips(reading: Reading, bounds: CampaignBounds, window_seconds: int) -> Tripped | None:
    """Whether a campaign's brake is pulled, the gravest rule first: money, then faults."""
    return _money_trips(reading, bounds, window_seconds) or _share_trips(
        PulledFor.REFUSED_RATIO, reading.faults, reading.attempts, bounds.refused_ratio, bounds.least_attempts or 1
    )


def chain_trips(
    by_currency: Mapping[str, Reading], doors: Reading, bounds: ChainBounds, window_seconds: int
) -> Tripped | None:
    """Whether the chain's brake is pulled. `doors` counts answers as attempts, and those lost as faults."""
    for currency, money in sorted(bounds.money.items()):
        tripped = _money_trips(by_currency.get(currency, Reading()), money, window_seconds)
        if tripped is not None:
            return Tripped(tripped.rule, f"{tripped.reason} {currency}")
    return _share_trips(PulledFor.LOST_RATIO, doors.faults, doors.attempts, bounds.lost_ratio, bounds.least_answered)


def _money_trips(reading: Reading, bounds: MoneyBounds, window_seconds: int) -> Tripped | None:
    for rule, cents, bound in (
        (PulledFor.PROMISED_RATE, reading.promised_cents, bounds.promised_cents_per_minute),
        (PulledFor.GIVEN_RATE, reading.given_cents, bounds.given_cents_per_minute),
    ):
        if bound is not None and cents * _MINUTE_SECONDS > bound * window_seconds:
            return Tripped(rule, f"{cents} cents in {window_seconds} s, bound {bound} a minute")
    return None


def _share_trips(rule: PulledFor, faults: int, attempts: int, bound: float | None, least: int) -> Tripped | None:
    if bound is None or attempts < least or faults <= bound * attempts:
        return None
    return Tripped(rule, f"{faults} of {attempts}, bound {bound:.0%}")
