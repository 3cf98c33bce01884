"""The arithmetic of a campaign's budget: reserved at issue, spent at redemption, returned at expiry; never above its cap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Three counters in minor units. `store` moves them in SQL by the same rules; the laws are tested on both."""

    cap_cents: int
    reserved_cents: int = 0
    spent_cents: int = 0

    def __post_init__(self) -> None:
        if self.reserved_cents < 0 or self.spent_cents < 0 or self.exposure_cents > self.cap_cents:
            raise ValueError("reserved and spent are never negative and never above the cap together")

    @property
    def exposure_cents(self) -> int:
        """What is spent or may still be."""
        return self.reserved_cents + self.spent_cents

    @property
    def remaining_cents(self) -> int:
        """What may still be reserved."""
        return self.cap_cents - self.exposure_cents

    def reserve(self, value_cents: int) -> Self | None:
        """Set `value_cents` aside, or None when there is not so much."""
        if value_cents > self.remaining_cents:
            return None
        return replace(self, reserved_cents=self.reserved_cents + value_cents)

    def spend(self, *, reserved_cents: int, given_cents: int) -> Self:
        """Turn a reserve into what was really given; the rest is free again."""
        if given_cents > reserved_cents:
            raise ValueError("more was given than was reserved")
        return replace(
            self, reserved_cents=self.reserved_cents - reserved_cents, spent_cents=self.spent_cents + given_cents
        )

    def release(self, reserved_cents: int) -> Self:
        """Free the reserve of a voucher that was not used."""
        return replace(self, reserved_cents=self.reserved_cents - reserved_cents)

    def take_back(self, given_cents: int) -> Self:
        """Undo spending: goods came back."""
        return replace(self, spent_cents=self.spent_cents - given_cents)

    def reopen(self, *, given_cents: int, value_cents: int) -> tuple[Self, int]:
        """Undo a redemption and reserve again what the voucher was worth, as far as the cap allows.

        Returns the budget and what the voucher is good for now: at least what was given.
        """
        freed = self.take_back(given_cents)
        again_cents = min(value_cents, freed.remaining_cents)
        return replace(freed, reserved_cents=freed.reserved_cents + again_cents), again_cents


@dataclass(frozen=True, slots=True)
class Wish:
    """One voucher that somebody asks a budget for."""

    key: str
    campaign_id: str
    value_cents: int


def grant(budgets: Mapping[str, Budget], wishes: Sequence[Wish]) -> tuple[Mapping[str, Budget], set[str]]:
    """Serve all wishes at once, the cheapest first: exactly what serving them one by one in that order gives.

    With the cheapest first a running sum decides: once one does not fit, none after it does. So it is one SQL window.
    Returns the budgets and the keys that were granted.
    """
    after = dict(budgets)
    granted = set()
    for wish in sorted(wishes, key=lambda wish: (wish.value_cents, wish.key)):
        budget = after.get(wish.campaign_id)
        reserved = budget.reserve(wish.value_cents) if budget else None
        if reserved is not None:
            after[wish.campaign_id] = reserved
            granted.add(wish.key)
    return after, granted
