"""Laws of leases: how many, how long, and what a hand-out is bound to."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.campaigns.validity import Closed, end_of, last_day, last_opening_day
from services.offers.domain.leases import (
    LEASE_TIER,
    Binding,
    Decided,
    Lease,
    LeaseLimits,
    Standing,
    latest_end,
    narrowed,
    settle,
)
from services.offers.domain.vouchers.voucher import VoucherState
from services.offers.handlers.leases.pool import LeasePool
from tests.support.offers_facts import NOW, a_campaign

TERMS = a_campaign().in_store("store-1", "USD")
assert TERMS is not None
UNTIL = NOW + timedelta(hours=12)


def a_lease(name: str, category: str = "milk") -> Lease:
    assert TERMS is not None
    return Lease(
        voucher_id=name,
        campaign_id="usual",
        category=category,
        terms=TERMS,
        currency="USD",
        leased_until=UNTIL,
        expires_at=UNTIL + timedelta(days=16),
    )


@given(
    st.sampled_from(["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Asia/Kathmandu", "Europe/Berlin"]),
    st.integers(0, 366),
    st.integers(0, 12 * 60),
)
def test_wherever_it_is_handed_out_a_voucher_ends_within_its_lease(zone: str, days: int, minutes: int) -> None:
    handed_at = UNTIL - timedelta(minutes=minutes)
    assert end_of(last_day(handed_at, zone, days), zone) <= latest_end(UNTIL, a_campaign(), days)
    opening = a_campaign(validity_counts="opening_days")
    sundays = last_opening_day(handed_at, zone, days, Closed(weekdays=frozenset({6})))
    assert end_of(sundays, zone) <= latest_end(UNTIL, opening, days)


@given(st.integers(0, 1000), st.floats(0, 1), st.integers(0, 10**7), st.integers(1, 500))
def test_no_process_leases_more_than_its_share_of_the_cap(
    vouchers: int, ratio: float, cap_cents: int, value_cents: int
) -> None:
    campaign = a_campaign(cap_cents=cap_cents, greatest_value_cents=value_cents)
    terms = campaign.in_store("", "USD")
    assert terms is not None
    count = LeaseLimits(vouchers=vouchers, cap_ratio=ratio, lasting=timedelta(hours=1)).wanted(campaign, terms)
    assert 0 <= count <= vouchers
    assert count * value_cents <= cap_cents * ratio


def standing(
    name: str, slot: int, state: VoucherState, *, leased: bool = False, held: bool = False, tier: int = 0
) -> Standing:
    tier = LEASE_TIER if leased else tier
    return Standing(voucher_id=name, checkout_id="c", slot=slot, state=state, tier=tier, leased=leased, held=held)


STATES = st.sampled_from([state for state in VoucherState if state is not VoucherState.LEASED])


@given(
    ours=st.integers(1, 3),
    theirs=st.lists(st.tuples(STATES, st.booleans()), max_size=3),
    tier=st.integers(0, 2),
    same_moment=st.booleans(),
    gave_up=st.booleans(),
)
def test_what_the_till_printed_gets_a_slot_of_its_own_and_only_what_nobody_was_told_of_is_void(
    ours: int, theirs: list[tuple[VoucherState, bool]], tier: int, *, same_moment: bool, gave_up: bool
) -> None:
    slots = {f"ours-{slot}": slot for slot in range(1, ours + 1)}
    rows = [standing(name, 1, VoucherState.LEASED, leased=True) for name in slots]
    rows += [standing(f"theirs-{slot}", slot, state, held=held) for slot, (state, held) in enumerate(theirs, 1)]
    decided = Decided(decision_id="other", tier=tier, decided_at=NOW if same_moment else NOW - timedelta(seconds=1))
    settled = settle("mine", slots, NOW if gave_up else None, decided, rows)
    assert settled.slots.keys() == slots.keys(), "no paper is refused"
    left = {row.slot for row in rows if not row.leased and row.voucher_id not in settled.void}
    assert left.isdisjoint(settled.slots.values()), "one row per slot"
    assert len(set(settled.slots.values())) == ours
    ours_untold = gave_up and same_moment and tier < 2
    unused = all(state is VoucherState.ISSUED and not held for state, held in theirs)
    assert (settled.binding is Binding.REPLACED) == (ours_untold and unused)
    assert bool(settled.void) == bool(ours_untold and unused and theirs)
    if settled.binding is Binding.REPLACED:
        assert settled.slots == slots, "so that it is the same answer afterwards"


@pytest.mark.parametrize("used", [VoucherState.ISSUED, VoucherState.REDEEMED])
def test_what_another_process_printed_meanwhile_is_never_void(used: VoucherState) -> None:
    rows = [
        standing("ours", 1, VoucherState.LEASED, leased=True),
        standing("untold", 1, VoucherState.ISSUED),
        standing("printed", 4, used, tier=LEASE_TIER),
    ]
    decided = Decided(decision_id="other", tier=0, decided_at=NOW)
    settled = settle("mine", {"ours": 1}, NOW, decided, rows)
    assert (settled.binding, settled.void, settled.slots) == (Binding.REPLACED, ["untold"], {"ours": 1})
    earlier = [*rows[:2], standing("printed by an earlier release", 1, used, tier=LEASE_TIER)]
    assert settle("mine", {"ours": 1}, NOW, decided, earlier).binding is Binding.BESIDE, "one row per slot"


def test_what_was_bound_is_not_bound_again() -> None:
    rows = [standing("v", 1, VoucherState.ISSUED)]
    decided = Decided(decision_id="mine", tier=2, decided_at=NOW)
    settled = settle("mine", {"v": 1}, None, decided, rows)
    assert (settled.binding, settled.slots, settled.void) == (Binding.DONE, {}, ())


def test_a_campaign_is_narrowed_to_what_there_are_leases_for() -> None:
    campaign = a_campaign(categories=["bread", "milk"])
    assert campaign.targets("bread")
    narrow = narrowed(campaign, ("milk", "tea"))
    assert [narrow.targets(category) for category in ("milk", "bread", "tea")] == [True, False, False]
    assert campaign.targets("bread")


def test_a_lease_is_taken_once_and_only_for_what_it_promises() -> None:
    assert TERMS is not None
    pool = LeasePool()
    pool.put([a_lease("a"), a_lease("b")])
    other = a_campaign(percent=20).in_store("store-1", "USD")
    assert other is not None
    assert pool.take("usual", "milk", other, "USD", NOW) is None
    assert pool.take("usual", "milk", TERMS, "EUR", NOW) is None
    assert pool.take("usual", "bread", TERMS, "USD", NOW) is None
    assert pool.take("usual", "milk", TERMS, "USD", UNTIL) is None
    taken = [pool.take("usual", "milk", TERMS, "USD", NOW) for _ in range(3)]
    assert [each and each.voucher_id for each in taken] == ["b", "a", None]
