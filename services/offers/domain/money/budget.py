"""The arithmetic of a campaign's budget: reserved at issue, spent at redemption, returned at expiry, lent to lanes; never above its cap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from services.offers.domain.money.ledger import Account, Transfer, balances, issued
from services.offers.domain.money.limits import Claim, Use, Uses, room_for_one


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Counters in minor units. `store` moves them in SQL by the same rules; the laws are tested on both."""

    cap_cents: int
    reserved_cents: int = 0
    spent_cents: int = 0
    leased_cents: int = 0
    """Lent to lanes that may be without a network."""
    lost_cents: int = 0
    """Beside the cap: what lanes gave without a right to."""
    backing_cents: int = 0
    """Money of its own for what is promised above the cap."""
    over_issue_cents: int = 0
    """How much may be promised above the cap; never more than `backing_cents`."""

    def __post_init__(self) -> None:
        counters = (self.reserved_cents, self.spent_cents, self.leased_cents, self.lost_cents, self.remaining_cents)
        if min(counters) < 0:
            raise ValueError(
                "reserved, spent and leased are never negative and never above what may be promised together"
            )
        if not 0 <= self.over_issue_cents <= self.backing_cents:
            raise ValueError("what is promised above the cap is backed")

    @property
    def exposure_cents(self) -> int:
        """What is spent or may still be."""
        return self.reserved_cents + self.spent_cents + self.leased_cents

    @property
    def remaining_cents(self) -> int:
        """What may still be reserved."""
        return self.available_cents + self.over_issue_cents

    @property
    def available_cents(self) -> int:
        """What is left of the cap; below zero, so much of the backing is promised or spent."""
        return self.cap_cents - self.exposure_cents

    @property
    def drawn_cents(self) -> int:
        """How much of the backing is promised or spent."""
        return max(0, -self.available_cents)

    def reserve(self, value_cents: int) -> Self | None:
        """Set `value_cents` aside, or None when there is not so much."""
        return None if value_cents > self.remaining_cents else self.after(issued(value_cents))

    def after(self, transfers: Iterable[Transfer]) -> Self:
        """The budget once these transfers are posted; raises ValueError when it could not bear them."""
        moved = balances(transfers)
        return replace(
            self,
            cap_cents=self.cap_cents - moved[Account.FUNDER] - moved[Account.BACKING] - moved[Account.LOST],
            backing_cents=self.backing_cents + moved[Account.BACKING],
            reserved_cents=self.reserved_cents + moved[Account.RESERVED],
            spent_cents=self.spent_cents + moved[Account.SPENT],
            leased_cents=self.leased_cents + moved[Account.LEASED],
            lost_cents=self.lost_cents + moved[Account.LOST],
        )

    def good_again_cents(self, *, given_cents: int, value_cents: int, room_cents: int | None = None) -> int:
        """What a voucher is good for once its redemption is taken back: what it was worth, as far as the cap allows.

        And as far as its campaign's limits have room, if they have one. At least what it gave.
        """
        room = self.remaining_cents if room_cents is None else min(self.remaining_cents, max(0, room_cents))
        return min(value_cents, room + given_cents)


@dataclass(frozen=True, slots=True)
class Wish:
    """One voucher that somebody asks a budget for."""

    key: str
    campaign_id: str
    value_cents: int
    claims: Sequence[Claim] = ()


def grant(budgets: Mapping[str, Budget], wishes: Sequence[Wish]) -> tuple[Mapping[str, Budget], set[str]]:
    """Serve all wishes at once, the cheapest first: exactly what serving them one by one in that order gives.

    With the cheapest first a running sum decides: once one does not fit, none after it does. So it is one SQL window.
    Returns the budgets and the keys that were granted.
    """
    after, _, granted = grant_within(budgets, {}, wishes)
    return after, granted


def grant_within(
    budgets: Mapping[str, Budget], uses: Uses, wishes: Sequence[Wish]
) -> tuple[Mapping[str, Budget], Uses, set[str]]:
    """The same where limits have a say too: what one of them refuses takes nothing from budgets or from other limits.

    So no running sum decides: each wish is looked at by itself, in that order.
    """
    after, used, granted = dict(budgets), dict(uses), set()
    for wish in sorted(wishes, key=lambda wish: (wish.value_cents, wish.key)):
        budget = after.get(wish.campaign_id)
        reserved = budget.reserve(wish.value_cents) if budget else None
        if reserved is None or not room_for_one(wish.campaign_id, wish.claims, used, wish.value_cents):
            continue
        after[wish.campaign_id] = reserved
        for claim in wish.claims:
            counted = (wish.campaign_id, claim.counter)
            used[counted] = used.get(counted, Use()).and_one_of(wish.value_cents)
        granted.add(wish.key)
    return after, used, granted
