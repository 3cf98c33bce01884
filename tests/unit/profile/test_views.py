"""A view leaves as its contract would have written it, although its greatest part is written by hand."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.contracts import new_event
from libs.common.contracts.profile import ProfileSnapshot
from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from libs.common.persistence import OutboxMessage
from services.profile.domain.contact import Contact
from services.profile.domain.delta import Delta, effects_of
from services.profile.domain.facet import EMPTY
from services.profile.domain.facet_codec import encode, read_rows
from services.profile.domain.facet_of import apply_all
from services.profile.domain.ranking_state import ranking_state
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.snapshots import SOURCE, FacetInView, Judgement, view_of
from services.profile.ports import ConsentRow
from tests.support.shopping import a_purchase
from tests.unit.profile.test_facet import histories

JUDGEMENT = Judgement(ReturnChance(), RulesInForce(1, ()))
ACCEPTED_AT = datetime(2024, 1, 2, tzinfo=UTC)


def a_part(identifier: str, contacts: list[Contact], *words: ConsentRow) -> FacetInView:
    return FacetInView(
        identifier=identifier,
        rows=read_rows(encode(apply_all(EMPTY, contacts))),
        effects=effects_of(Delta(tuple(contacts), "EUR", ACCEPTED_AT)),
        consents=words,
    )


def by_the_contract(message: OutboxMessage, contacts: list[Contact], version: int = 7) -> OutboxMessage:
    """The message that the contract makes of what the given one says, but for the ranking state, which is made anew."""
    assert message.value is not None
    snapshot = ProfileSnapshot.model_validate_json(message.value)
    state = ranking_state(apply_all(EMPTY, contacts)).to_json() if snapshot.ranking_state else {}
    event = new_event(
        snapshot.model_copy(update={"ranking_state": state}),
        event_id=f"{snapshot.customer_id}:{version}",
        source=SOURCE,
        occurred_at=snapshot.as_of,
        received_at=snapshot.accepted_at,
    )
    return OutboxMessage.of(event, PROFILE_SNAPSHOTS)


@settings(max_examples=300)
@given(histories, histories)
def test_a_view_is_what_the_contract_writes(one: list[Contact], other: list[Contact]) -> None:
    for told, parts in (
        (one, [a_part("loyalty_card:1", one)]),
        (one + other, [a_part("loyalty_card:1", one), a_part("web_visitor:2", other)]),
    ):
        message = view_of("c-1", 7, parts, JUDGEMENT).message
        assert message is not None
        assert message == by_the_contract(message, told)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=9))
def test_whatever_an_item_is_called_the_view_is_what_the_contract_writes(name: str) -> None:
    told: list[Contact] = [a_purchase("e1", items=(name, "tea"))]
    message = view_of("c-1", 7, [a_part("loyalty_card:1", told)], JUDGEMENT).message
    assert message is not None
    assert message == by_the_contract(message, told)
    assert msgspec.json.decode(message.value or b"")["ranking_state"]["items"] == sorted([name, "tea"])


def test_who_objects_to_profiling_has_no_ranking_state() -> None:
    told: list[Contact] = [a_purchase("e1")]
    word = ConsentRow(
        identifier="loyalty_card:1", purpose="profiling", channel="any", granted=False, occurred_at=ACCEPTED_AT,
        event_id="w1", accepted_at=ACCEPTED_AT,
    )  # fmt: skip
    message = view_of("c-1", 7, [a_part("loyalty_card:1", told, word)], JUDGEMENT).message
    assert message is not None
    assert message == by_the_contract(message, told)
    assert msgspec.json.decode(message.value or b"")["ranking_state"] == {}
