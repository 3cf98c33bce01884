"""Laws of link facts: the latest of a pair counts, in whatever order facts come; a person's id is everyone's to compute."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.domain.identity import LinkFact, customer_id_of, latest, link_of

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
    assert latest(known) == latest(shuffled)


@given(facts)
def test_of_each_pair_the_latest_fact_counts(known: list[LinkFact]) -> None:
    for link, fact in latest(known).items():
        assert fact == max(one for one in known if one.link == link)


@given(pairs)
def test_a_link_is_the_same_whoever_is_named_first(pair: tuple[str, str]) -> None:
    assert link_of(*pair) == link_of(*reversed(pair))


def test_the_customer_id_is_the_smallest_identifier() -> None:
    assert customer_id_of({"visitor", "card", "mail"}) == "card"


def test_an_identifier_is_not_linked_with_itself() -> None:
    with pytest.raises(ValueError, match="itself"):
        link_of("a", "a")
