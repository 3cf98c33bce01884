"""Laws of link facts: the latest of a pair counts, in whatever order facts come; a person's id is everyone's to compute."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.identity import LinkFact, customer_id_of, link_of, remembered, since

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
def test_facts_in_any_order_and_repeated_say_the_same(known: list[LinkFact], random: Random) -> None:
    shuffled = known + known
    random.shuffle(shuffled)
    assert since(known) == since(shuffled)


@given(facts)
def test_a_pair_is_linked_if_the_latest_fact_says_so_and_since_the_first_that_was_not_taken_back(
    known: list[LinkFact],
) -> None:
    found = since(known)
    for link in {fact.link for fact in known}:
        mine = sorted(fact for fact in known if fact.link == link)
        assert (link in found) == mine[-1].linked
        if link in found:
            place = mine.index(found[link])
            assert all(fact.linked for fact in mine[place:])
            assert place == 0 or not mine[place - 1].linked


@given(facts, facts)
def test_what_is_remembered_says_what_all_facts_say_whatever_comes_later(
    known: list[LinkFact], later: list[LinkFact]
) -> None:
    link = link_of("a", "b")
    mine, more = ([replace(fact, link=link) for fact in some] for some in (known, later))
    assert since([*remembered(mine), *more]) == since([*mine, *more])


@given(pairs)
def test_a_link_is_the_same_whoever_is_named_first(pair: tuple[str, str]) -> None:
    assert link_of(*pair) == link_of(*reversed(pair))


def test_the_customer_id_is_the_smallest_identifier() -> None:
    assert customer_id_of({"visitor", "card", "mail"}) == "card"


def test_an_identifier_is_not_linked_with_itself() -> None:
    with pytest.raises(ValueError, match="itself"):
        link_of("a", "a")
