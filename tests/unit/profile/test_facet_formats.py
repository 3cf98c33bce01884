"""What an earlier release stored is read for ever, as what it meant."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from services.profile.domain import facet as facet_module
from services.profile.domain.contact import Contact
from services.profile.domain.delta import decode_delta
from services.profile.domain.facet import EMPTY, Facet, VisitKey
from services.profile.domain.facet_codec import decode, encode, knows_visits_before, read_rows
from services.profile.domain.facet_of import apply_all
from services.profile.domain.growing import GrowingFacet
from services.profile.domain.ranking_state import ranking_state, ranking_state_of_rows
from tests.support import old_facets
from tests.support.compact_contacts import histories
from tests.support.old_facets import FACET_BYTES, told_at_all_times, told_since_matters
from tests.unit.profile.laws import LAW, grown_bytes, written_in_eleven_sections, written_in_ten_sections

VERSIONS = [(name, told_at_all_times()) for name in old_facets.WITHOUT_MATTERS] + [
    (name, told_since_matters()) for name in old_facets.WITH_MATTERS
]


def but_for_ties(facet: Facet) -> Facet:
    """At first the number that orders events of the same second had 64 bits; what was stored keeps its own."""
    visits = {key._replace(tie=0): visit for key, visit in facet.visits.items()}
    items = {item: tally._replace(label=(tally.label[0], 0, *tally.label[2:])) for item, tally in facet.items.items()}
    return replace(facet, visits=visits, items=items)


@pytest.mark.parametrize(("name", "told"), VERSIONS)
def test_a_facet_that_a_release_before_stored_is_read_as_what_it_was_told(name: str, told: list[Contact]) -> None:
    content = (FACET_BYTES / f"{name}.bin").read_bytes()
    assert but_for_ties(decode(content)) == but_for_ties(apply_all(EMPTY, told))
    assert decode(encode(decode(content))) == decode(content)


@pytest.mark.parametrize(("name", "told"), VERSIONS)
def test_one_that_was_cut_is_read_too(name: str, told: list[Contact], monkeypatch: pytest.MonkeyPatch) -> None:
    content = (FACET_BYTES / f"{name}-cut.bin").read_bytes()
    monkeypatch.setattr(facet_module, "ITEMS_KEPT", old_facets.CUT_TO_ITEMS)
    assert but_for_ties(decode(content)) == but_for_ties(apply_all(EMPTY, told))
    assert len(decode(content).items) == old_facets.CUT_TO_ITEMS


@pytest.mark.parametrize(("name", "told"), VERSIONS)
def test_it_goes_on_growing(name: str, told: list[Contact]) -> None:
    content = (FACET_BYTES / f"{name}.bin").read_bytes()
    assert grown_bytes(content, told) == encode(apply_all(decode(content), told))
    assert ranking_state_of_rows(read_rows(content)) == ranking_state(decode(content))


@pytest.mark.parametrize("name", ["delta-of-lines", "delta-of-columns", "delta-of-purchases"])
def test_a_delta_that_a_release_before_stored_tells_the_same(name: str) -> None:
    delta = decode_delta((FACET_BYTES / f"{name}.bin").read_bytes())
    assert apply_all(EMPTY, delta.contacts) == apply_all(EMPTY, told_since_matters())
    assert (delta.currency, delta.quiet) == ("EUR", False)
    assert grown_bytes(encode(EMPTY), delta.contacts) == encode(apply_all(EMPTY, told_since_matters()))


@LAW
@given(histories())
def test_every_facet_is_read_from_every_layout_that_could_hold_it(history: list[Contact]) -> None:
    facet = apply_all(EMPTY, history)
    assert decode(encode(facet)) == facet
    without = apply_all(EMPTY, [contact for contact in history if not hasattr(contact, "matter_id")])
    for written in (written_in_ten_sections(without), written_in_eleven_sections(without)):
        assert decode(written) == without
        assert encode(decode(written)) == encode(without)
        assert GrowingFacet(written).settle() == read_rows(encode(without))


@settings(max_examples=60)
@given(histories())
def test_whether_a_visit_came_before_is_told_without_reading_all(history: list[Contact]) -> None:
    facet = apply_all(EMPTY, history)
    for written in (encode(facet), written_in_ten_sections(replace(facet, matters={}))):
        visits = [VisitKey(*row[:2]) for row in read_rows(written).visits]
        keys = [VisitKey(0, 0), VisitKey(1 << 40, 0), *visits, *(key._replace(tie=key.tie + 1) for key in visits)]
        assert [knows_visits_before(written, key) for key in keys] == [any(one < key for one in visits) for key in keys]
