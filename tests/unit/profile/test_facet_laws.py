"""The laws of facets, each against ten thousand histories in every run: a commutative monoid, in whatever order and grouping."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain.contact import Contact
from services.profile.domain.delta import Delta, grown
from services.profile.domain.facet import EMPTY, fold, merge
from services.profile.domain.facet_codec import decode, digest, encode
from services.profile.domain.facet_of import apply, apply_all, of
from tests.support.compact_contacts import contact_of, contacts_of, histories
from tests.unit.profile.laws import LAW, folded_bytes, grown_bytes, parted, shuffled

seeds = st.integers(0, 2**32 - 1)


@LAW
@given(histories(10), seeds)
def test_merging_is_associative_and_commutative_and_the_empty_facet_changes_nothing(
    history: list[Contact], seed: int
) -> None:
    random = Random(seed)
    whose = [random.randrange(3) for _ in history]
    a, b, c = (
        apply_all(EMPTY, [contact for contact, mine in zip(history, whose, strict=True) if mine == number])
        for number in range(3)
    )
    ab = merge(a, b)
    left = merge(ab, c)
    assert left == merge(a, merge(b, c))
    assert encode(ab) == encode(merge(b, a))
    assert merge(a, EMPTY) == a == merge(EMPTY, a)
    assert encode(left) == encode(apply_all(EMPTY, history))


@LAW
@given(histories(), seeds)
def test_contacts_in_any_order_and_grouping_give_the_same_bytes(history: list[Contact], seed: int) -> None:
    random = Random(seed)
    one_by_one = EMPTY
    for contact in shuffled(history, random):
        one_by_one = apply(one_by_one, contact)
    groups = [apply_all(EMPTY, group) for group in parted(shuffled(history, random), random)]
    whole = apply_all(EMPTY, history)
    assert (
        encode(one_by_one) == encode(whole) == encode(fold(shuffled(groups, random))) == encode(fold(map(of, history)))
    )
    assert decode(encode(whole)) == whole
    assert digest(one_by_one) == digest(whole)


@LAW
@given(histories(), seeds)
def test_growing_in_place_gives_the_bytes_of_the_rules_however_folders_come_by(
    history: list[Contact], seed: int
) -> None:
    random = Random(seed)
    rounds = parted(shuffled(history, random), random)
    assert grown_bytes(encode(EMPTY), *rounds) == encode(apply_all(EMPTY, history))


@settings(max_examples=2_000)
@given(histories(), seeds)
def test_what_we_did_in_quiet_is_counted_in_any_order_and_moves_no_first_or_last_contact(
    history: list[Contact], seed: int
) -> None:
    random = Random(seed)
    deltas = [Delta(tuple(group), quiet=random.random() < 0.3) for group in parted(history, random)]
    facet = EMPTY
    for delta in shuffled(deltas, random):
        facet = grown(facet, delta)
    assert folded_bytes(encode(EMPTY), parted(shuffled(deltas, random), random)) == encode(facet)
    heard = apply_all(EMPTY, [contact for delta in deltas if not delta.quiet for contact in delta.contacts])
    whole = apply_all(EMPTY, history)
    assert (facet.first_at_seconds, facet.last_at_seconds) == (heard.first_at_seconds, heard.last_at_seconds)
    assert (facet.items, facet.counts, facet.weeks) == (whole.items, whole.counts, whole.weeks)


def test_compact_contacts_are_of_every_kind_and_no_event_comes_twice() -> None:
    random = Random(1)
    made = contacts_of(random.randbytes(6 * 2_000))
    assert {type(contact).__name__ for contact in made} == {
        "Purchase", "PackedPurchase", "Return", "WebView", "SurveyAnswer", "MatterMoved", "Compliment",
        "VoucherIssued", "VoucherRedeemed",
    }  # fmt: skip
    content = random.randbytes(6)
    assert contacts_of(content + content) == [contact_of(content)]
