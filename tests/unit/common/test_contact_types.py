"""What single contracts promise: receipts that count for nothing, feedback, carts, and what is known of a person."""

from typing import Any

import pytest
from pydantic import ValidationError

from docs.examples import EXAMPLES
from libs.common.contracts import CONTRACTS, TOPICS, Personal, personal_fields
from libs.common.contracts.feedback import NpsAnswered
from libs.common.contracts.identity import Described
from libs.common.contracts.pos import LineScanned, Receipt, TillContact, VoucherScanned
from libs.common.contracts.registry import partition_key_of
from libs.common.contracts.topics import INGEST_FEEDBACK
from libs.common.contracts.values import Tender, TenderKind

AT_THE_TILL = [name for name, model in CONTRACTS.items() if issubclass(model, TillContact)]
RECEIPTS = [name for name in AT_THE_TILL if issubclass(CONTRACTS[name], Receipt)]
DESCRIBED = "usual.identity.described.v1"


def a_contact(event_type: str, **changes: object) -> TillContact:
    contact = CONTRACTS[event_type].model_validate({**EXAMPLES[event_type], **changes})
    assert isinstance(contact, TillContact)
    return contact


@pytest.mark.parametrize("event_type", AT_THE_TILL)
def test_what_happens_in_training_counts_for_nothing(event_type: str) -> None:
    assert a_contact(event_type).counts
    assert not a_contact(event_type, training=True).counts


@pytest.mark.parametrize("event_type", RECEIPTS)
def test_a_cancelled_receipt_counts_for_nothing(event_type: str) -> None:
    assert not a_contact(event_type, cancelled=True).counts
    assert not a_contact(event_type, cancelled=True, training=True).counts


@pytest.mark.parametrize("event_type", AT_THE_TILL)
def test_scans_and_receipt_of_one_purchase_share_a_key(event_type: str) -> None:
    assert a_contact(event_type).partition_key == "loyalty_card:7"
    assert a_contact(event_type, customer=None).partition_key == "receipt:r1"


def test_only_receipts_sell_scans_are_none() -> None:
    assert not issubclass(LineScanned, Receipt)
    assert not issubclass(VoucherScanned, Receipt)


@pytest.mark.parametrize("kind", TenderKind)
def test_a_receipt_may_be_paid_in_any_of_the_known_ways(kind: TenderKind) -> None:
    assert Tender.model_validate({"kind": kind.value, "amount_cents": 1}).kind is kind


@pytest.mark.parametrize(
    ("score", "standing"),
    [(0, "detractor"), (6, "detractor"), (7, "passive"), (8, "passive"), (9, "promoter"), (10, "promoter")],
)
def test_the_groups_of_the_net_promoter_score(score: int, standing: str) -> None:
    answer = {**EXAMPLES["usual.feedback.nps_answered.v1"], "score": score}
    assert NpsAnswered.model_validate(answer).standing == standing


def test_all_that_a_customer_says_is_in_order_for_that_customer_and_its_words_are_free_text() -> None:
    for event_type in INGEST_FEEDBACK.types:
        model = CONTRACTS[event_type]
        assert partition_key_of(model.model_validate(EXAMPLES[event_type])) == "loyalty_card:7"
        words = {("comment",)} | ({("topic",)} if "topic" in model.model_fields else set())
        assert dict(personal_fields(model)) == dict.fromkeys(words, Personal.FREE_TEXT)


def texts(body: Any) -> list[tuple[str, ...]]:
    """The places of all texts in a body, items of lists as `*`."""
    if isinstance(body, dict):
        return [(name, *rest) for name, below in body.items() for rest in texts(below)]
    if isinstance(body, list):
        return [("*", *rest) for below in body for rest in texts(below)]
    return [()]


def test_everything_that_is_told_of_a_person_is_marked_but_the_country() -> None:
    marked = {place for place, mark in personal_fields(Described) if mark is Personal.DIRECT}
    told = {("traits", *place) for place in texts(EXAMPLES[DESCRIBED]["traits"])}
    assert told - marked == {("traits", "address", "country")}


@pytest.mark.parametrize("where", ["traits", "address"])
def test_a_trait_without_a_mark_cannot_slip_in(where: str) -> None:
    traits = {"nickname": "Al"} if where == "traits" else {"address": {"floor": "3"}}
    with pytest.raises(ValidationError, match="Extra inputs"):
        Described.model_validate({**EXAMPLES[DESCRIBED], "traits": traits})


@pytest.mark.parametrize(
    ("trait", "text", "fits"),
    [
        ("email", "a@b.example", True),
        ("email", "a@b.example\n", False),
        ("email", "nobody", False),
        ("phone", "+49 (30) 1234-5", True),
        ("phone", "call me", False),
        ("birthday", "1980-12-24", True),
        ("birthday", "24.12.1980", False),
        ("birthday", "sealed:v1:AAAA", True),
    ],
)
def test_a_trait_looks_like_what_it_is_or_is_sealed(trait: str, text: str, *, fits: bool) -> None:
    body = {**EXAMPLES[DESCRIBED], "traits": {trait: text}}
    if fits:
        Described.model_validate(body)
    else:
        with pytest.raises(ValidationError, match="pattern"):
            Described.model_validate(body)


def test_no_contract_has_room_for_a_voucher_code_or_a_card_number() -> None:
    for topic in TOPICS:
        for event_type in topic.types:
            assert not {"code", "voucher_code", "card_number", "pan"} & set(CONTRACTS[event_type].model_fields)
