"""Laws of persons: a function of the set of link facts, found from the neighbourhood alone, and never of shared devices."""

from collections.abc import Iterable
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.identity import Link, LinkFact, link_of, since
from services.profile.domain.identity_rules import (
    IdentityRules,
    KindLimit,
    PartnerLimit,
    SharedWhen,
    beyond,
    persons,
    shared,
)

KINDS = {f"{kind}{number}": kind for kind in ("account", "card", "visitor") for number in range(5)}
NARROW = IdentityRules(
    kinds=(KindLimit(kind="account", strength=3, per_person=2), KindLimit(kind="card", strength=2, per_person=2)),
    partners=(PartnerLimit(kind="visitor", partner_kind="account", partners=1),),
    shared=(
        SharedWhen(kind="visitor", partner_kind="account", partners=2, days=10),
        SharedWhen(kind="visitor", partner_kind="card", partners=2, days=10),
    ),
)
pairs = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(sorted(KINDS))).filter(
    lambda pair: pair[0] != pair[1]
)
facts = st.lists(
    st.builds(
        lambda pair, day, event, linked: LinkFact(link_of(*pair), day * DAY_SECONDS, event, linked),
        pairs, st.integers(0, 30), st.text("xyz", min_size=1, max_size=3), st.sampled_from([True, True, True, False]),
    ),
    max_size=40,
)  # fmt: skip
MANY = settings(max_examples=300)


def a_link(one: str, other: str, day: int = 0, *, linked: bool = True) -> LinkFact:
    return LinkFact(link_of(one, other), day * DAY_SECONDS, f"{one}-{other}-{day}", linked)


def person_of(one: str, *known: LinkFact, rules: IdentityRules = NARROW) -> frozenset[str]:
    return next(person for person in persons(KINDS, known, rules) if one in person)


def components(identifiers: Iterable[str], known: Iterable[LinkFact]) -> set[frozenset[str]]:
    """What links join when nothing limits them."""
    person_of = {one: frozenset({one}) for one in identifiers}
    for link in since(known):
        if link.first in person_of and link.second in person_of:
            both = person_of[link.first] | person_of[link.second]
            person_of |= dict.fromkeys(both, both)
    return set(person_of.values())


@MANY
@given(facts, st.randoms(use_true_random=False))
def test_facts_in_any_order_and_repeated_make_the_same_persons(known: list[LinkFact], random: Random) -> None:
    mixed = known + known
    random.shuffle(mixed)
    assert persons(KINDS, mixed, NARROW) == persons(KINDS, known, NARROW)


@MANY
@given(facts)
def test_persons_part_the_identifiers_within_their_limits_and_along_links(known: list[LinkFact]) -> None:
    found = persons(KINDS, known, NARROW)
    assert sorted(one for person in found for one in person) == sorted(KINDS)
    for person in found:
        assert sum(KINDS[one] == "account" for one in person) <= 2
        assert sum(KINDS[one] == "card" for one in person) <= 2
        assert components(person, known) == {person}


@MANY
@given(facts)
def test_a_shared_device_joins_nobody(known: list[LinkFact]) -> None:
    standing = since(known).values()
    found = persons(KINDS, known, NARROW)
    assert all(frozenset({one}) in found for one in shared(KINDS, standing, NARROW))


@MANY
@given(facts, st.sets(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3))
def test_persons_are_found_from_the_neighbourhood_alone(known: list[LinkFact], seeds: set[str]) -> None:
    everybody = persons(KINDS, known, NARROW)
    near = set(seeds)
    while True:
        around = [fact for fact in known if near & {fact.link.first, fact.link.second}]
        kinds = {end: KINDS[end] for fact in around for end in (fact.link.first, fact.link.second)} | {
            one: KINDS[one] for one in near
        }
        needed = beyond(near, kinds, around, NARROW)
        if not needed:
            break
        near |= needed
    found = persons(kinds, around, NARROW)
    for one in near:
        assert next(person for person in found if one in person) == next(
            person for person in everybody if one in person
        )


@MANY
@given(facts, pairs)
def test_a_link_taken_back_leaves_everybody_as_before_whatever_it_did(
    known: list[LinkFact], pair: tuple[str, str]
) -> None:
    link: Link = link_of(*pair)
    without = [fact for fact in known if fact.link != link]
    there = [*without, LinkFact(link, 40 * DAY_SECONDS, "e", linked=True)]
    back = [*there, LinkFact(link, 41 * DAY_SECONDS, "e", linked=False)]
    assert persons(KINDS, back, NARROW) == persons(KINDS, without, NARROW)


@MANY
@given(facts, st.data())
def test_what_is_said_again_of_a_pair_that_is_linked_moves_nobody(known: list[LinkFact], data: st.DataObject) -> None:
    linked = sorted(since(known))
    again = data.draw(st.lists(st.sampled_from(linked), max_size=5)) if linked else []
    repeats = [LinkFact(link, 50 * DAY_SECONDS + number, "again", linked=True) for number, link in enumerate(again)]
    assert persons(KINDS, [*known, *repeats], NARROW) == persons(KINDS, known, NARROW)


def test_a_visitor_of_a_kiosk_belongs_to_none_and_to_its_own_again_when_links_are_taken_back() -> None:
    kiosk = [a_link("visitor0", f"account{number}", number) for number in range(3)]
    assert person_of("visitor0", *kiosk) == {"visitor0"}
    assert person_of("account0", *kiosk) == {"account0"}
    mended = [*kiosk, *(a_link("visitor0", f"account{number}", 20, linked=False) for number in (1, 2))]
    assert person_of("visitor0", *mended) == {"visitor0", "account0"}


def test_accounts_far_apart_in_time_do_not_make_a_device_shared() -> None:
    handed_on = [a_link("visitor0", f"account{number}", 20 * number) for number in range(3)]
    assert person_of("visitor0", *handed_on) == {"visitor0", "account0"}


def test_of_a_visitors_accounts_the_first_counts_and_the_next_when_that_is_taken_back() -> None:
    two = [a_link("visitor0", "account1", 1), a_link("visitor0", "account0", 2)]
    assert person_of("visitor0", *two) == {"visitor0", "account1"}
    assert person_of("visitor0", *two, a_link("visitor0", "account1", 3, linked=False)) == {"visitor0", "account0"}


def test_a_person_has_no_more_cards_than_the_limit_and_the_strong_kinds_go_first() -> None:
    cards = [a_link("account0", f"card{number}", number) for number in range(3)]
    assert person_of("account0", *cards) == {"account0", "card0", "card1"}
    early = [a_link("card0", "card1", 0), a_link("card1", "card2", 0), a_link("account0", "card2", 5)]
    assert person_of("account0", *early) == {"account0", "card2"}, "the link with an account came last and counts first"
    assert person_of("card0", *early) == {"card0", "card1"}


def test_without_rules_persons_are_the_components() -> None:
    known = [a_link("visitor0", f"account{number}", number) for number in range(5)]
    assert persons(KINDS, known, IdentityRules()) == components(KINDS, known)


def test_behind_a_shared_identifier_nobody_is_looked_for() -> None:
    kiosk = [a_link("visitor0", f"account{number}", number) for number in range(5)]
    assert beyond({"visitor0"}, KINDS, kiosk, NARROW) == set()
    assert beyond({"account0"}, KINDS, kiosk[:1], NARROW) == {"visitor0"}
