"""Laws of the facet with contacts written out; ten thousand compact histories each are in test_facet_laws.py."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from libs.common.errors import InvalidInput
from libs.ranking.state import DAY_SECONDS
from services.profile.domain.contact import (
    Compliment,
    Contact,
    MatterKind,
    MatterMoved,
    Purchase,
    PurchaseLine,
    Return,
    ReturnedLine,
    SurveyAnswer,
    VoucherIssued,
    VoucherRedeemed,
    WebView,
)
from services.profile.domain.facet import EMPTY, VISITS_KEPT, Facet, fold, has_open_complaint, merge
from services.profile.domain.facet_codec import decode, digest, encode
from services.profile.domain.facet_of import apply, apply_all, of
from tests.support.shopping import START_SECONDS, a_line, a_purchase

ids = st.text("abcdef", min_size=1, max_size=3)
times = st.integers(START_SECONDS, START_SECONDS + 200_000_000)
amounts = st.integers(0, 100_000)
lines = st.builds(
    PurchaseLine,
    item_id=ids, category=ids, type=ids, quantity_milli=st.integers(1, 5000), amount_cents=amounts,
    discount_cents=amounts, rankable=st.booleans(),
)  # fmt: skip
purchases = st.builds(
    Purchase,
    event_id=st.uuids().map(str), receipt_id=ids, occurred_at_seconds=times, store_id=ids,
    lines=st.lists(lines, min_size=1, max_size=4).map(tuple), channel=st.sampled_from(["till", "web"]),
    utc_offset_minutes=st.sampled_from([-300, 0, 60]),
)  # fmt: skip
returned = st.builds(ReturnedLine, item_id=ids, quantity_milli=st.integers(1, 5000), refund_cents=amounts)
returns = st.builds(
    Return, event_id=ids, occurred_at_seconds=times, lines=st.lists(returned, min_size=1, max_size=3).map(tuple)
)
views = st.builds(
    WebView, event_id=ids, occurred_at_seconds=times, action=st.sampled_from(["page", "product", "cart"]), item_id=ids
)
answers = st.builds(SurveyAnswer, event_id=ids, occurred_at_seconds=times, question=ids, score=st.integers(0, 10))
issued = st.builds(VoucherIssued, event_id=ids, occurred_at_seconds=times)
redeemed = st.builds(VoucherRedeemed, event_id=ids, occurred_at_seconds=times, discount_cents=amounts)
moved = st.builds(
    MatterMoved,
    event_id=ids, occurred_at_seconds=times, kind=st.sampled_from(["complaint", "service_contact"]), matter_id=ids,
    opened=st.booleans(),
)  # fmt: skip
praise = st.builds(Compliment, event_id=ids, occurred_at_seconds=times)
contacts: st.SearchStrategy[Contact] = st.one_of(purchases, returns, views, answers, moved, praise, issued, redeemed)
histories = st.lists(contacts, max_size=8)


def a_facet(history: Sequence[Contact]) -> Facet:
    return apply_all(EMPTY, history)


@given(histories, histories)
def test_merging_is_commutative(one: list[Contact], other: list[Contact]) -> None:
    assert encode(merge(a_facet(one), a_facet(other))) == encode(merge(a_facet(other), a_facet(one)))


@given(histories, histories, histories)
def test_merging_is_associative(one: list[Contact], two: list[Contact], three: list[Contact]) -> None:
    a, b, c = a_facet(one), a_facet(two), a_facet(three)
    assert encode(merge(merge(a, b), c)) == encode(merge(a, merge(b, c)))


@given(histories)
def test_the_empty_facet_changes_nothing(history: list[Contact]) -> None:
    facet = a_facet(history)
    assert merge(facet, EMPTY) == facet == merge(EMPTY, facet)


@given(histories, st.randoms(use_true_random=False))
def test_contacts_in_any_order_give_the_same_bytes(history: list[Contact], random: Random) -> None:
    one_by_one = EMPTY
    for contact in history:
        one_by_one = apply(one_by_one, contact)
    random.shuffle(history)
    assert encode(one_by_one) == encode(a_facet(history)) == encode(fold(map(of, history)))


@given(histories, histories)
def test_two_facets_merged_are_the_facet_of_both_histories(one: list[Contact], other: list[Contact]) -> None:
    assert digest(merge(a_facet(one), a_facet(other))) == digest(a_facet(one + other))


@given(histories)
def test_bytes_round_trip(history: list[Contact]) -> None:
    facet = a_facet(history)
    assert decode(encode(facet)) == facet


@given(purchases, histories)
def test_applying_leaves_the_facet_it_was_given_as_it_was(purchase: Purchase, history: list[Contact]) -> None:
    facet = a_facet(history)
    before = encode(facet)
    apply(facet, purchase)
    assert encode(facet) == before
    assert encode(EMPTY) == encode(Facet())


def test_the_latest_visits_are_kept() -> None:
    history = [a_purchase(f"e{number}", day=number) for number in range(VISITS_KEPT + 5)]
    facet = a_facet(history)
    assert len(facet.visits) == VISITS_KEPT
    assert min(facet.visits).at_seconds == history[5].occurred_at_seconds
    assert facet.counts["visits"] == VISITS_KEPT + 5
    assert facet.items["milk"].baskets == VISITS_KEPT + 5


def test_two_lines_of_one_item_are_one_basket_with_it() -> None:
    purchase = replace(a_purchase(), lines=(a_line("milk"), a_line("milk"), a_line("fuel", rankable=False)))
    facet = of(purchase)
    assert facet.items["milk"].baskets == 1
    assert facet.items["milk"].amount_cents == 398
    [visit] = facet.visits.values()
    assert visit.items == ("milk",)
    assert visit.amount_cents == 597


def test_a_receipt_without_rankable_items_is_spend_but_no_trip() -> None:
    facet = of(replace(a_purchase(), lines=(a_line("fuel", rankable=False),)))
    assert not facet.visits
    assert facet.counts["visits"] == 1


def test_bytes_of_another_format_are_refused() -> None:
    with pytest.raises(InvalidInput):
        decode(b"\xff" + encode(EMPTY)[1:])


def test_bytes_of_the_format_before_are_read() -> None:
    facet = of(a_purchase())
    *before, matters = msgspec.msgpack.decode(encode(facet)[1:])
    assert matters == []
    assert decode(b"\x01" + msgspec.msgpack.encode(before)) == facet


def a_matter(*, opened: bool, day: int, kind: MatterKind = "complaint") -> Facet:
    return of(MatterMoved(f"{kind}{day}", START_SECONDS + day * DAY_SECONDS, kind, "m1", opened))


def test_a_complaint_is_open_until_it_is_settled_whatever_we_hear_first_and_again_when_it_is_opened_again() -> None:
    opened, settled, again = (a_matter(opened=opened, day=day) for day, opened in enumerate((True, False, True)))
    assert has_open_complaint(opened)
    assert not has_open_complaint(settled)
    assert not has_open_complaint(merge(settled, opened))
    assert has_open_complaint(fold([again, settled, opened]))
    assert not has_open_complaint(a_matter(opened=True, day=0, kind="service_contact"))
