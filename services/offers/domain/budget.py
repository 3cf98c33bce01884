"""The arithmetic of a campaign's budget: reserved at issue, spent at redemption, returned at expiry, lent to lanes; never above its cap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from services.offers.domain.ledger import Account, Transfer, balances, issued


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Counters in minor units. `lost_cents` is beside the cap. `store` moves them in SQL by the same rules; the laws are tested on both."""

    cap_cents: int
    reserved_cents: int = 0
    spent_cents: int = 0
    leased_cents: int = 0
    lost_cents: int = 0

    def __post_init__(self) -> None:
        counters = (self.reserved_cents, self.spent_cents, self.leased_cents, self.lost_cents)
        if min(counters) < 0 or self.exposure_cents > self.cap_cents:
            raise ValueError("reserved, spent and leased are never negative and never above the cap together")

    @property
    def exposure_cents(self) -> int:
        """What is spent or may still be."""
        return self.reserved_cents + self.spent_cents + self.leased_cents

    @property
    def remaining_cents(self) -> int:
        """What may still be reserved or leased."""
        return self.cap_cents - self.exposure_cents

    def reserve(self, value_cents: int) -> Self | None:
        """Set `value_cents` aside, or None when there is not so much."""
        return None if value_cents > self.remaining_cents else self.after(issued(value_cents))

    def after(self, transfers: Iterable[Transfer]) -> Self:
        """The budget once these transfers are posted; raises ValueError when it could not bear them."""
        moved = balances(transfers)
        return replace(
            self,
            cap_cents=self.cap_cents - moved[Account.FUNDER] - moved[Account.LOST],
            reserved_cents=self.reserved_cents + moved[Account.RESERVED],
            spent_cents=self.spent_cents + moved[Account.SPENT],
            leased_cents=self.leased_cents + moved[Account.LEASED],
            lost_cents=self.lost_cents + moved[Account.LOST],
        )

    def good_again_cents(self, *, given_cents: int, value_cents: int) -> int:
        """What a voucher is good for once its redemption is taken back: what it was worth, as far as the cap allows.

        At least what it gave.
        """
        return min(value_cents, self.remaining_cents + given_cents)


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
