"""Laws of the identity graph: who a customer is follows from the facts, not from their order."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.identity import (
    LinkFact,
    Move,
    component,
    components,
    customer_id_of,
    link_of,
    links,
    moves,
)

names = st.sampled_from("abcdefg")
pairs = st.tuples(names, names).filter(lambda pair: pair[0] != pair[1])
facts = st.lists(
    st.builds(
        lambda pair, at, event, linked: LinkFact(link_of(*pair), at, event, linked),
        pairs, st.integers(0, 5), st.text("xyz", min_size=1, max_size=2), st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@given(facts, st.randoms(use_true_random=False))
def test_facts_in_any_order_and_repeated_give_the_same_links(known: list[LinkFact], random: Random) -> None:
    shuffled = known + known
    random.shuffle(shuffled)
    assert links(known) == links(shuffled)


@given(facts)
def test_components_part_the_identifiers(known: list[LinkFact]) -> None:
    persons = components("abcdefg", links(known))
    assert sorted(identifier for person in persons for identifier in person) == list("abcdefg")
    for person in persons:
        assert all(component(identifier, links(known)) == person for identifier in person)


@given(facts, pairs)
def test_a_link_taken_back_leaves_everybody_as_before(known: list[LinkFact], pair: tuple[str, str]) -> None:
    link = link_of(*pair)
    before = links(known)
    there_and_back = [*known, LinkFact(link, 10, "e", linked=True), LinkFact(link, 11, "e", linked=False)]
    assert links(there_and_back) == before - {link}


def test_the_customer_id_is_the_smallest_identifier() -> None:
    assert customer_id_of({"visitor", "card", "mail"}) == "card"


def test_a_merge_moves_those_whose_id_changes() -> None:
    standing = {link_of("b", "a")}
    assert moves({"b"}, standing) == [Move("b", "b", "a")]
    assert moves({"a"}, standing) == []


def test_a_split_gives_the_rest_an_id_of_its_own() -> None:
    assert moves({"a", "b", "c"}, {link_of("b", "c")}) == [Move("b", "a", "b"), Move("c", "a", "b")]


def test_an_identifier_is_not_linked_with_itself() -> None:
    with pytest.raises(ValueError, match="itself"):
        link_of("a", "a")
