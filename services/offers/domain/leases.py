"""Vouchers leased ahead of time: how many a process may have, until when one may be handed out, and what a hand-out is bound to later."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.vouchers.voucher import VoucherState

LEASE_TIER = 2
LEASED_AS = 1
"""Leases are chosen as on the prior of all customers: a campaign that is not for that tier has none."""
GREATEST_SLOTS = 3
"""Vouchers that one answer has at most: their slots are 1 to this."""
NOWHERE = "leased"
"""The store of a voucher that is not known to be handed out."""
_CLOCKS_APART = timedelta(days=2)
"""A calendar day somewhere on earth may end so much later than it does by the server's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A voucher that its budget has said yes to, for whoever asks while there is no database. Good until `expires_at` at the latest."""

    voucher_id: str
    campaign_id: str
    category: str
    terms: Terms
    currency: str
    leased_until: datetime
    expires_at: datetime

    def promises(self, terms: Terms, currency: str) -> bool:
        """Whether it is worth just what these terms say."""
        ours, theirs = ((each.promise, each.greatest_value_cents) for each in (self.terms, terms))
        return ours == theirs and self.currency == currency


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLimits:
    """What one process may lease of a campaign: so many vouchers, so much of its cap, for so long."""

    vouchers: int
    cap_ratio: float
    lasting: timedelta

    def wanted(self, campaign: Campaign, terms: Terms) -> int:
        """How many vouchers of these terms a process should have."""
        return min(self.vouchers, int(campaign.cap_cents * self.cap_ratio) // terms.greatest_value_cents)


def is_leasable(campaign: Campaign) -> bool:
    """Whether its vouchers may be given to whoever asks, at a time when nobody can count: one with limits is not."""
    return LEASED_AS in campaign.tiers and not campaign.limits and not any(s.limits for s in campaign.stores.values())


def narrowed(campaign: Campaign, categories: Collection[str]) -> Campaign:
    """The same for these categories alone, as far as it is for them."""
    kept = tuple(category for category in sorted(categories) if campaign.targets(category))
    narrow = campaign.model_copy(update={"categories": kept})
    narrow.__dict__.pop("targeted", None)  # a copy remembers what was worked out for the original
    return narrow


def latest_end(leased_until: datetime, campaign: Campaign, validity_days: int) -> datetime:
    """The end that no voucher of a lease goes beyond, whenever within the lease and wherever it is handed out."""
    return leased_until + timedelta(days=campaign.calendar_days(validity_days)) + _CLOCKS_APART


class Binding(StrEnum):
    """What became of the decision of a checkout that was answered from a lease."""

    NEW = "new"
    """Nobody had decided it."""
    REPLACED = "replaced"
    """Its own commit, given up and never told, had happened: what that issued is void."""
    BESIDE = "beside"
    """Somebody had decided it, and may have told it: both papers are out, both are good."""
    DONE = "done"
    """This was bound before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The decision that stands in the books for a checkout."""

    decision_id: str
    tier: int
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A voucher in the books that this is about: leased ones that were handed out, and those of the checkout's decision."""

    voucher_id: str
    checkout_id: str
    slot: int
    state: VoucherState
    tier: int
    leased: bool
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What to write: the decision, the vouchers that are void, and the slot of each that was handed out."""

    binding: Binding
    void: Sequence[str] = ()
    slots: Mapping[str, int]


def settle(
    decision_id: str,
    slots: Mapping[str, int],
    gave_up_at: datetime | None,
    found: Decided | None,
    standing: Collection[Standing],
) -> Settlement:
    """How a hand-out is bound. What the till printed wins: the leased vouchers in `slots`, by id.

    `gave_up_at` is when the commit that this same answer gave up was decided; only what that commit made, and nobody used, is void.
    """
    waiting = {each.voucher_id for each in standing if each.leased and each.voucher_id in slots}
    if found is None:
        return Settlement(binding=Binding.NEW, slots={voucher_id: slots[voucher_id] for voucher_id in sorted(waiting)})
    if found.decision_id == decision_id and not waiting:
        return Settlement(binding=Binding.DONE, slots={})
    theirs = [each for each in standing if each.voucher_id not in slots and each.tier < LEASE_TIER]
    printed = {each.slot for each in standing if each.tier == LEASE_TIER and not each.leased}
    untold = gave_up_at is not None and found.decided_at == gave_up_at and found.tier < LEASE_TIER
    there_is_room = printed.isdisjoint(slots[voucher_id] for voucher_id in waiting)
    if untold and there_is_room and all(each.state is VoucherState.ISSUED and not each.held for each in theirs):
        void = sorted(each.voucher_id for each in theirs)
        return Settlement(binding=Binding.REPLACED, void=void, slots={each: slots[each] for each in sorted(waiting)})
    taken = {each.slot for each in standing if not each.leased}
    # Not one that its own answer has: where the budget refused that slot's voucher it would be told as granted.
    first = GREATEST_SLOTS + 1
    free = (slot for slot in range(first, first + len(taken) + len(waiting)) if slot not in taken)
    ordered = sorted(waiting, key=lambda voucher_id: (slots[voucher_id], voucher_id))
    return Settlement(binding=Binding.BESIDE, slots=dict(zip(ordered, free, strict=False)))
