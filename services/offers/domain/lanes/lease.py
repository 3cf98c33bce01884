"""Money lent to lanes that may lose the network, and who pays for what they gave meanwhile. handlers decide by these rules.

A voucher's reserve pays for its first use, wherever that was. What no reserve pays, since the voucher was used elsewhere or had
ended, the lane's lease pays. A lane that never gives more than its lease therefore never costs more: that is the bound that is shown.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from services.offers.domain.campaigns.offline_policy import OfflinePolicy
from services.offers.domain.money.budget import Budget
from services.offers.domain.vouchers.voucher import (
    Given,
    NotRedeemed,
    ReturnedSoFar,
    Voucher,
    VoucherState,
)


class Status(StrEnum):
    """What became of an entry of a lane's journal."""

    REDEEMED = "redeemed"
    CONFLICT = "conflict"
    """The voucher's reserve did not pay all of it."""
    TAKEN_BACK = "taken-back"
    """The lane took it back before we heard of it: nothing happened."""


class Remark(StrEnum):
    """Why an entry is listed, beside the reasons for which a voucher is refused."""

    REDEEMED = "redeemed"
    """Not listed: all is well."""
    LATE = "redeemed-late"
    """Not listed either: the lane took it in time, and we had ended it before we heard of that."""
    TAKEN_BACK = "taken-back"
    GAVE_MORE = "gave-more"
    """More than the voucher's reserve held."""
    OTHER_AMOUNT = "other-amount"
    """Not what our rules and our catalogue give on that basket."""
    LEASE_OVER = "lease-over"
    """The lane gave it after its lease had ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lane may give without a network from `granted_at` to `ends_at`; its money waits until `kept_until` for its journal."""

    lease_id: str
    store_id: str
    terminal_id: str
    granted_at: datetime
    ends_at: datetime
    kept_until: datetime
    ended_at: datetime | None = None
    entries: int = 0
    """Of the lane's journal that came in."""

    def judged_at(self, given_at: datetime, now: datetime) -> datetime:
        """The time that counts for what the lane gave: the one it states, not before the lease and not after now.

        So a lane's clock revives no voucher that had ended when the lease began.
        """
        return min(max(given_at, self.granted_at), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """What a lease lends of one campaign. `left_cents` is what the lane may still cost the chain."""

    campaign_id: str
    currency: str
    accept_up_to_cents: int
    granted_cents: int
    left_cents: int


def grantable_cents(policy: OfflinePolicy, budget: Budget, *, most_cents: int | None, lane_left_cents: int) -> int:
    """What a lane may be lent now; `lane_left_cents` is what its other leases still have.

    >>> policy = OfflinePolicy(accept_up_to_cents=50, lane_cents=500, chain_cents=800)
    >>> grantable_cents(policy, Budget(cap_cents=1000, leased_cents=400), most_cents=None, lane_left_cents=100)
    400
    """
    bounds = (policy.lane_cents - lane_left_cents, policy.chain_cents - budget.leased_cents, budget.available_cents)
    return max(0, min(bounds if most_cents is None else (*bounds, most_cents)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Who pays for an entry: the voucher's reserve, the lease in its place, the lease beside it, or nobody. Together what was given."""

    reason: str
    reserve_cents: int = 0
    late_cents: int = 0
    leased_cents: int = 0
    uncovered_cents: int = 0

    @property
    def redeemed_cents(self) -> int:
        """What the voucher is redeemed for."""
        return self.reserve_cents + self.late_cents

    @property
    def given_cents(self) -> int:
        """What the lane gave."""
        return self.redeemed_cents + self.leased_cents + self.uncovered_cents

    @property
    def status(self) -> Status:
        """Whether anything is left to list as a conflict."""
        return Status.CONFLICT if self.leased_cents or self.uncovered_cents else Status.REDEEMED


def as_taken(voucher: Voucher, judged_at: datetime) -> Voucher:
    """The voucher as it stood when a lane took it: one that was ended since, only because its time was over, was good then."""
    if voucher.state is not VoucherState.EXPIRED or judged_at >= voucher.expires_at:
        return voucher
    return replace(voucher, state=VoucherState.ISSUED, reserved_cents=voucher.terms.greatest_value_cents)


def settle(
    voucher: Voucher | None, outcome: Given | NotRedeemed, given_cents: int, *, left_cents: int, in_time: bool
) -> Settlement:
    """Who pays for what a lane gave, where `outcome` is what our own rules say of the voucher as it was taken, and of the basket.

    The lane has given it: no rule takes that back. Where the voucher was good its reserve pays, or the lease in its place if that was
    returned meanwhile, even if we would not have given it for these goods; else the lease does as far as it goes. The rest was given
    without a right to.
    """
    of_ours = isinstance(outcome, Given) or outcome is NotRedeemed.NO_ELIGIBLE_LINE
    reserve_cents = late_cents = 0
    if voucher is not None and of_ours and voucher.state is VoucherState.EXPIRED:
        late_cents = min(given_cents, voucher.terms.greatest_value_cents, left_cents)
    elif voucher is not None and of_ours:
        reserve_cents = min(given_cents, voucher.reserved_cents)
    rest_cents = given_cents - reserve_cents - late_cents
    leased_cents = min(rest_cents, left_cents - late_cents)
    good = Remark.LATE if late_cents else Remark.REDEEMED
    return Settlement(
        reason=_reason(outcome, given_cents, rest_cents, good=good) if in_time else Remark.LEASE_OVER,
        reserve_cents=reserve_cents,
        late_cents=late_cents,
        leased_cents=leased_cents,
        uncovered_cents=rest_cents - leased_cents,
    )


def settle_again(already_cents: int, given_cents: int, *, left_cents: int) -> Settlement:
    """Who pays where this voucher was redeemed on this very receipt before, over the network: that answer was lost.

    What was booked then is what was given; the lease pays where the lane gave more.
    """
    reserve_cents = min(given_cents, already_cents)
    leased_cents = min(given_cents - reserve_cents, left_cents)
    return Settlement(
        reason=Remark.REDEEMED if given_cents <= already_cents else Remark.GAVE_MORE,
        reserve_cents=reserve_cents,
        leased_cents=leased_cents,
        uncovered_cents=given_cents - reserve_cents - leased_cents,
    )


def give_back_share(line: ReturnedSoFar, quantity: Decimal, *, lost_cents: int) -> tuple[Decimal, int, int]:
    """How much of `quantity` a line in conflict takes, and the cents that are no longer spent, and no longer lost: these first."""
    taken, share_cents = line.give_back(quantity)
    found_cents = min(share_cents, lost_cents)
    return taken, share_cents - found_cents, found_cents


def _reason(outcome: Given | NotRedeemed, given_cents: int, rest_cents: int, *, good: Remark) -> str:
    if isinstance(outcome, NotRedeemed):
        return outcome
    if rest_cents:
        return Remark.GAVE_MORE
    return good if outcome.given_cents == given_cents else Remark.OTHER_AMOUNT
