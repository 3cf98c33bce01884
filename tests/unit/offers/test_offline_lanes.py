"""Laws of lanes' journals: whatever order, whatever repeats, the same books; never more than was lent; nothing redeemed twice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.offers.domain.campaigns.offline_policy import OfflinePolicy
from services.offers.domain.lanes.entry import Entry, OfflineLine, split_lines
from services.offers.domain.lanes.lease import grantable_cents, settle, settle_again
from services.offers.domain.money.budget import Budget
from services.offers.domain.vouchers.voucher import Given, NotRedeemed, VoucherState
from services.offers.handlers.lanes.outcomes import Outcome
from services.offers.handlers.lanes.returns import give_back_offline
from services.offers.ports.money import Cause
from tests.support.offers_facts import NOW, a_campaign
from tests.support.offline_books import Books, an_entry

VOUCHERS = ("v1", "v2", "v3", "v4")
LANES = ("a", "b", "c")
GIVEN = st.dictionaries(st.tuples(st.sampled_from(LANES), st.sampled_from(VOUCHERS)), st.integers(1, 100), min_size=1)
"""What each lane gave of each voucher: each voucher once per lane, never more than the voucher's value."""
CENTS = st.integers(0, 300)


def journals(gave: dict[tuple[str, str], int]) -> list[tuple[str, Entry]]:
    return [(lane, an_entry(f"{lane}-{voucher_id}", voucher_id, cents)) for (lane, voucher_id), cents in gave.items()]


def opened(gave: dict[tuple[str, str], int]) -> Books:
    """Vouchers printed, each lane lent just what it will give: no lane is ever lent less than it gives."""
    books = Books()
    for voucher_id in VOUCHERS:
        books.print_voucher(voucher_id)
    for lane in LANES:
        books.lend(lane, max(1, sum(cents for (at, _), cents in gave.items() if at == lane)))
    return books


def take_in(books: Books, sent: Sequence[tuple[str, Entry]]) -> list[Outcome]:
    async def all_of_them() -> list[Outcome]:
        desk = books.reconciler
        return [(await desk.take_in(books.stores, lane, entry)).outcome for lane, entry in sent]

    return asyncio.run(all_of_them())


def shuffled(sent: Sequence[tuple[str, Entry]], random: Random) -> list[tuple[str, Entry]]:
    """All of them at least once, some again, in any order."""
    repeated = [*sent, *random.choices(sent, k=random.randint(0, len(sent)))]
    random.shuffle(repeated)
    return repeated


@settings(deadline=None)
@given(gave=GIVEN, seed=st.integers(0, 2**32))
def test_any_order_with_any_repeats_makes_the_same_books_within_the_bound_shown(
    gave: dict[tuple[str, str], int], seed: int
) -> None:
    sent, random = journals(gave), Random(seed)
    plain, mixed = opened(gave), opened(gave)
    bound = plain.money.leased_cents
    take_in(plain, sent)
    outcomes = take_in(mixed, shuffled(sent, random))
    for books in (plain, mixed):
        conflicts = [each for each in books.entries.values() if each.status == "conflict"]
        assert Counter(each.voucher_id for each in conflicts) == {
            voucher_id: times - 1
            for voucher_id, times in Counter(voucher_id for _, voucher_id in gave).items()
            if times > 1
        }
        assert sum(each.leased_cents for each in conflicts) <= bound
        assert bound - books.money.leased_cents == sum(each.leased_cents for each in conflicts)
        assert books.money.spent_cents == sum(gave.values())
        assert books.money.lost_cents == 0
        books.end_leases()
    assert plain.money == mixed.money
    by_id: dict[str, Outcome] = {}
    for outcome in outcomes:
        assert by_id.setdefault(outcome.redemption_id, outcome) == outcome, "an entry has one outcome"


@settings(deadline=None)
@given(gave=GIVEN, swept=st.sets(st.sampled_from(VOUCHERS)), seed=st.integers(0, 2**32), at=st.integers(0, 12))
def test_when_vouchers_are_swept_changes_who_pays_and_not_what_was_given(
    gave: dict[tuple[str, str], int], swept: set[str], seed: int, at: int
) -> None:
    books, sent = opened(gave), shuffled(journals(gave), Random(seed))
    bound = books.money.leased_cents
    take_in(books, sent[:at])
    for voucher_id in swept:
        if books.vouchers[voucher_id].state is VoucherState.ISSUED:
            books.sweep(voucher_id)
    take_in(books, sent[at:])
    conflicts = Counter(each.voucher_id for each in books.entries.values() if each.status == "conflict")
    expected = {voucher_id: n - 1 for voucher_id, n in Counter(v for _, v in gave).items() if n > 1}
    assert conflicts == expected
    assert books.money.spent_cents == sum(gave.values())
    assert sum(each.leased_cents for each in books.entries.values()) == bound - books.money.leased_cents <= bound
    assert books.money.lost_cents == 0


@settings(deadline=None)
@given(
    gave=GIVEN, back=st.sets(st.sampled_from([f"{a}-{v}" for a in LANES for v in VOUCHERS])), seed=st.integers(0, 99)
)
def test_what_is_taken_back_is_no_longer_spent_whichever_word_comes_first(
    gave: dict[tuple[str, str], int], back: set[str], seed: int
) -> None:
    sent = journals(gave)
    withdrawn = [(lane, replace(entry, taken_back=True)) for lane, entry in sent if entry.redemption_id in back]
    books = opened(gave)
    take_in(books, shuffled([*sent, *withdrawn], Random(seed)))
    stands = [entry.given_cents for _, entry in sent if entry.redemption_id not in back]
    assert books.money.spent_cents == sum(stands)
    assert books.money.lost_cents == 0
    books.end_leases()
    assert books.money.leased_cents == 0


def test_what_a_lane_gave_beyond_its_lease_is_lost_beside_the_cap_and_nobody_elses_money() -> None:
    books = opened({("a", "v1"): 60, ("b", "v1"): 50})
    outcomes = take_in(
        books,
        [
            ("a", an_entry("a-v1", "v1", 60)),
            ("b", an_entry("b-v1", "v1", 50)),
            ("b", an_entry("b-v1-again", "v1", 30)),
        ],
    )
    assert [(each.from_lease_cents, each.uncovered_cents) for each in outcomes] == [(0, 0), (50, 0), (0, 30)]
    assert (books.money.spent_cents, books.money.lost_cents, books.left["a"]) == (110, 30, 60)
    assert books.money.cap_cents == 10_000


def test_a_lane_that_goes_on_after_its_lease_is_listed_and_the_voucher_good_all_the_same() -> None:
    books = opened({("a", "v1"): 60})
    late = an_entry("late", "v1", 60, given_at=NOW + timedelta(hours=11))
    (outcome,) = take_in(books, [("a", late)])
    assert (outcome.status, outcome.reason, outcome.from_lease_cents) == ("redeemed", "lease-over", 0)


@pytest.mark.parametrize("stated", [NOW - timedelta(days=9), NOW + timedelta(hours=2), NOW + timedelta(days=9)])
def test_no_clock_of_a_lane_revives_a_voucher_that_had_ended_when_its_lease_began(stated: object) -> None:
    books = opened({("a", "v1"): 60})
    books.vouchers["v1"] = replace(books.vouchers["v1"], expires_at=NOW)
    (outcome,) = take_in(books, [("a", an_entry("old", "v1", 60, given_at=stated))])
    assert (outcome.status, outcome.from_lease_cents) == ("conflict", 60)
    assert books.vouchers["v1"].reserved_cents == 100, "nothing was redeemed"


def test_an_id_that_stands_for_something_else_is_refused_and_moves_nothing() -> None:
    books = opened({("a", "v1"): 60})
    take_in(books, [("a", an_entry("x", "v1", 60))])
    before = books.money
    outcomes = take_in(books, [("a", an_entry("x", "v1", 59)), ("b", an_entry("x", "v1", 60))])
    assert [(each.status, each.reason) for each in outcomes] == [("refused", "other-request")] * 2
    assert books.money == before


def test_a_text_that_no_key_of_ours_signed_is_listed_and_touches_no_budget() -> None:
    books = opened({("a", "v1"): 60})
    before = books.money
    forged = an_entry("x", "v1", 60)
    text = forged.signed[:-1] + ("0" if forged.signed[-1] != "0" else "1")
    (outcome,) = take_in(books, [("a", replace(forged, signed=text))])
    assert (outcome.status, outcome.reason) == ("conflict", "foreign-code")
    assert books.vouchers["v1"].reserved_cents == 100
    assert (books.money.spent_cents, books.left["a"]) == (before.spent_cents, 60)


def test_goods_of_a_conflict_that_come_back_are_no_longer_spent_in_whatever_parts() -> None:
    books = opened({("a", "v1"): 60, ("b", "v1"): 50})
    line = OfflineLine(line_no=1, item_id="milk-1", quantity=Decimal(3), amount_cents=90, discount_cents=50)
    other = an_entry("b-v1", "v1", 50, lines=[line])
    take_in(books, [("a", an_entry("a-v1", "v1", 60)), ("b", other)])
    for taken, spent in ((1, 94), (1, 77), (5, 60), (1, 60)):
        goods = [("milk-1", Decimal(taken)), ("bread-1", Decimal(1))]
        asyncio.run(give_back_offline(books.offline, "sale-b-v1", goods, Cause("return", NOW)))  # type: ignore[arg-type]  # fits as far as it is asked
        assert books.money.spent_cents == spent


@given(reserve=CENTS, amount=st.integers(1, 300), left=CENTS, ours=st.booleans())
def test_everything_given_is_paid_once_the_reserve_first_then_the_lease(
    reserve: int, amount: int, left: int, *, ours: bool
) -> None:
    books = opened({("a", "v1"): 1})
    voucher = replace(books.vouchers["v1"], reserved_cents=reserve)
    outcome = Given(amount, ()) if ours else NotRedeemed.EXPIRED
    paid = settle(voucher, outcome, amount, left_cents=left, in_time=True)
    assert paid.given_cents == amount
    ended = settle(replace(voucher, state=VoucherState.EXPIRED), outcome, amount, left_cents=left, in_time=True)
    assert (ended.given_cents, ended.reserve_cents) == (amount, 0)
    assert ended.late_cents + ended.leased_cents == min(amount, left)
    assert ended.late_cents == (min(amount, 100, left) if ours else 0), "no more than the voucher ever promised"
    assert paid.reserve_cents == (min(amount, reserve) if ours else 0)
    assert paid.leased_cents == min(left, amount - paid.reserve_cents)
    again = settle_again(reserve, amount, left_cents=left)
    assert (again.given_cents, again.reserve_cents) == (amount, min(amount, reserve))


@given(discounts=st.lists(st.integers(0, 200), min_size=1, max_size=6), data=st.data())
def test_the_parts_of_a_line_are_what_it_got_off(discounts: list[int], data: st.DataObject) -> None:
    if not sum(discounts):
        return
    lines = [
        OfflineLine(line_no=n, item_id=f"i{n}", quantity=Decimal(1), amount_cents=500, discount_cents=cents)
        for n, cents in enumerate(discounts)
    ]
    reserve = data.draw(st.integers(0, sum(discounts)))
    paid, beside = split_lines(lines, reserve)
    shares = Counter[int]()
    for each in (*paid, *beside):
        assert each.discount_cents > 0
        shares[each.line_no] += each.discount_cents
    assert [shares[n] for n in range(len(discounts))] == discounts
    assert sum(each.discount_cents for each in paid) == reserve


@given(cap=CENTS, leased=CENTS, lane=CENTS, lane_left=CENTS, chain=CENTS, most=st.none() | st.integers(1, 300))
def test_a_lane_is_never_lent_more_than_policy_and_budget_bear(
    cap: int, leased: int, lane: int, lane_left: int, chain: int, most: int | None
) -> None:
    policy = OfflinePolicy(accept_up_to_cents=1, lane_cents=lane + 1, chain_cents=chain + 1)
    budget = Budget(cap_cents=cap + leased, leased_cents=leased)
    cents = grantable_cents(policy, budget, most_cents=most, lane_left_cents=lane_left)
    assert 0 <= cents <= budget.remaining_cents
    assert cents == 0 or (cents + lane_left <= lane + 1 and cents + leased <= chain + 1 and cents <= (most or cents))


def test_only_signed_vouchers_are_taken_offline() -> None:
    policy = {"accept_up_to_cents": 50, "lane_cents": 500, "chain_cents": 5_000}
    assert a_campaign(signed="chain", offline=policy).offline == OfflinePolicy(**policy)
    with pytest.raises(ValidationError, match="signed vouchers only"):
        a_campaign(offline=policy)
    assert a_campaign().offline is None, "deny is what holds where nobody says otherwise"
