"""A page reads of facets' rows no more than it shows, and shows what the customer folded of whole facets would."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.domain.contact import Contact
from services.profile.domain.facet import EMPTY, Facet, fold
from services.profile.domain.facet_codec import encode, read_rows
from services.profile.domain.facet_of import apply_all
from services.profile.domain.page import seen
from tests.support.compact_contacts import histories

MOST = 3


def favourites_of(whole: Facet) -> list[str]:
    bought = [(name, tally) for name, tally in whole.items.items() if tally.baskets]
    bought.sort(key=lambda entry: (-entry[1].baskets, -entry[1].amount_cents, entry[0]))
    return [name for name, _ in bought[:MOST]]


def categories_of(whole: Facet) -> list[tuple[str, int, int]]:
    names = {key.category for key in whole.periods}
    spent = [(name, [tally for key, tally in whole.periods.items() if key.category == name]) for name in names]
    sums = [(name, sum(one.lines for one in some), sum(one.amount_cents for one in some)) for name, some in spent]
    return sorted(sums, key=lambda entry: (-entry[2], entry[0]))[:MOST]


@settings(max_examples=2_000)
@given(histories(10), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_a_page_shows_what_the_whole_customer_would(history: list[Contact], facets: int, seed: int) -> None:
    random = Random(seed)
    whose = [random.randrange(facets) for _ in history]
    parts = [
        apply_all(EMPTY, [contact for contact, mine in zip(history, whose, strict=True) if mine == number])
        for number in range(facets)
    ]
    whole, shown = fold(parts), seen([read_rows(encode(part)) for part in parts], MOST)
    assert shown.facet == replace(whole, visits={}, items={}, periods={}, web_items={})
    assert [name for name, _ in shown.favourites] == favourites_of(whole)
    assert all(tally == whole.items[name] for name, tally in shown.favourites)
    assert list(shown.categories) == categories_of(whole)
