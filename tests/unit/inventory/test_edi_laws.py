"""Laws of EDI: what is written is read back the same, what is hostile is a clear error, what is cut or changed is seen."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inventory.domain.edi import edifact as un
from services.inventory.domain.edi import edifact_syntax, exchange, x12_syntax
from services.inventory.domain.edi import x12 as ansi
from services.inventory.domain.edi.documents import (
    EdiInvalid,
    EdiUnsayable,
    LineAnswer,
    Meaning,
    Party,
    is_gtin,
    quantity_of,
    quantity_text,
)
from services.inventory.domain.edi.exchange import OrderedItem, settled
from tests.support.edi_partners import EDIFACT, ENVELOPE, X12, accepted, an_order, changed, despatched, edifact, x12

LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f").filter(lambda c: ord(c) not in range(127, 160)), min_size=1, max_size=12)  # fmt: skip
PRINTABLE = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="*>~"), min_size=1, max_size=12
)
TAGS = st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=3, max_size=3).filter(
    lambda tag: not tag.startswith("UN") and tag not in {"ISA", "IEA"}
)


def header(**changes: object) -> edifact_syntax.Header:
    values = {
        "sender": Party("1", "14"),
        "recipient": Party("2"),
        "control_reference": "9",
        "date": "20311207",
        "time": "1130",
        "character_set": "UNOC",
    }
    return edifact_syntax.Header(**{**values, **changes})  # type: ignore[arg-type]  # named as they are declared


@given(st.lists(st.tuples(TAGS, st.lists(st.lists(LATIN, min_size=1, max_size=3), min_size=1, max_size=4)), max_size=6))
def test_what_is_written_in_edifact_is_read_back(content: list[tuple[str, list[list[str]]]]) -> None:
    body = tuple(edifact_syntax.segment(tag, *elements) for tag, elements in content)
    message = edifact_syntax.Message("1", "ORDERS", body, ("ORDERS", "D", "96A", "UN"))
    (found,) = edifact_syntax.read(edifact_syntax.write(header(), [message])).messages
    assert found == message


@given(st.lists(st.tuples(TAGS, st.lists(PRINTABLE.filter(str.strip), min_size=1, max_size=5)), max_size=6))
def test_what_is_written_in_x12_is_read_back(content: list[tuple[str, list[str]]]) -> None:
    body = tuple(x12_syntax.segment(tag, *elements) for tag, elements in content if tag not in {"GS", "GE", "ST", "SE"})
    head = x12_syntax.Header(
        sender=Party("1", "ZZ"),
        recipient=Party("2", "ZZ"),
        control_number=9,
        date="20311207",
        time="1130",
        group_kind="PO",
    )
    transaction = x12_syntax.Transaction("850", "0001", body)
    (group,) = x12_syntax.read(x12_syntax.write(head, [transaction])).groups
    assert group.transactions == (transaction,)


@pytest.mark.parametrize("character_set", ["UNOA", "UNOB", "UNOC", "UNOW"])
def test_each_character_set_holds_its_own(character_set: str) -> None:
    samples = {"UNOA": "MILK 1?'+:", "UNOB": "Milk~{", "UNOC": "Käse ñ", "UNOW": "сыр 乳"}
    message = edifact_syntax.Message(
        "1", "ORDERS", (edifact_syntax.segment("FTX", "X", samples[character_set]),), ("ORDERS", "D")
    )
    name = header(character_set=character_set)
    assert edifact_syntax.read(edifact_syntax.write(name, [message])).messages == (message,)


@pytest.mark.parametrize(
    ("character_set", "text"), [("UNOA", "milk"), ("UNOB", "Käse"), ("UNOC", "сыр"), ("UNOC", "a\nb")]
)
def test_what_a_character_set_does_not_hold_is_not_written(character_set: str, text: str) -> None:
    message = edifact_syntax.Message("1", "ORDERS", (edifact_syntax.segment("FTX", text),), ("ORDERS", "D"))
    with pytest.raises(EdiUnsayable):
        edifact_syntax.write(header(character_set=character_set), [message])


@pytest.mark.parametrize("item_id", ["a*b", "a~b", "a>b", "Käse", "a\tb"])
def test_x12_says_clearly_what_it_cannot_say(item_id: str) -> None:
    with pytest.raises(EdiUnsayable):
        ansi.write_orders(X12, ENVELOPE, [an_order(item_id=item_id)])


GOOD_EDIFACT = edifact(accepted(), changed("PO2"), despatched("PO3"))
GOOD_X12 = x12("PR", ["855", "BAK*00*AC*PO1*20311207", "PO1*1*24*EA***IN*milk", "ACK*IQ*18*EA*067*20311210", "CTT*1"])


def read_edifact(raw: bytes) -> object:
    return un.read_interchange(EDIFACT, raw)


def read_x12(raw: bytes) -> object:
    return ansi.read_interchange(X12, raw)


@pytest.mark.parametrize(("good", "read"), [(GOOD_EDIFACT, read_edifact), (GOOD_X12, read_x12)])
def test_wherever_an_interchange_is_cut_off_it_is_seen(good: bytes, read: Callable[[bytes], object]) -> None:
    read(good)
    for length in range(len(good) - 1):
        with pytest.raises(EdiInvalid):
            read(good[:length])


@pytest.mark.parametrize(("good", "read", "end"), [(GOOD_EDIFACT, read_edifact, b"'"), (GOOD_X12, read_x12, b"~")])
def test_a_segment_lost_or_doubled_on_the_way_is_seen(good: bytes, read: Callable[[bytes], object], end: bytes) -> None:
    parts = good.split(end)[:-1]
    for place in range(len(parts)):
        for changed_parts in ([*parts[:place], *parts[place + 1 :]], [*parts[: place + 1], *parts[place:]]):
            with pytest.raises(EdiInvalid):
                read(end.join(changed_parts) + end)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_refused_by_name(raw: bytes) -> None:
    for read, begin in ((read_edifact, b"UNB+UNOC:3+"), (read_x12, GOOD_X12[:106])):
        for given_bytes in (raw, begin + raw):
            with pytest.raises(EdiInvalid):
                read(given_bytes)


@settings(max_examples=300)
@given(st.integers(0, len(GOOD_EDIFACT) - 1), st.binary(min_size=1, max_size=3))
def test_damage_in_the_midst_is_read_or_refused_by_name(place: int, damage: bytes) -> None:
    for good, read in ((GOOD_EDIFACT, read_edifact), (GOOD_X12, read_x12)):
        raw = good[: place % len(good)] + damage + good[place % len(good) + len(damage) :]
        try:
            read(raw)
        except EdiInvalid as error:
            assert error.detail  # noqa: PT017  # either is right; anything else is not


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"UNA",
        b"UNA:+.? '",
        b"UNAxxxxxx",
        b"UNB+UNOC:3'",
        b"UNZ+0+1'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNZ+0+8'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNZ+1+9'",
        b"UNB+UNOZ:3+1+2+311207:1130+9'UNZ+0+9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNH+1+ORDRSP:D'UNT+2+2'UNZ+1+9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNH+1+ORDRSP:D'UNT+3+1'UNZ+1+9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNH+1+ORDRSP:D'UNH+2+X:D'UNT+2+2'UNZ+1+9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'BGM+1'UNZ+0+9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNG+1'UNZ+0+9'",
        b"UNB+UNOB:3+1+2+311207:1130+\xe9'UNZ+0+\xe9'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNZ+0+9'garbage'",
        b"UNB+UNOC:3+1+2+311207:1130+9'UNA:+.? 'UNB+UNOC:3+1+2+311207:1130+9'UNZ+0+9'",
    ],
)
def test_broken_envelopes_are_refused(raw: bytes) -> None:
    with pytest.raises(EdiInvalid):
        edifact_syntax.read(raw)


@pytest.mark.parametrize("sign", [b"\x01", b"\n", b"\x00"])
def test_signs_that_no_text_has_are_refused(sign: bytes) -> None:
    with pytest.raises(EdiInvalid):
        read_edifact(GOOD_EDIFACT.replace(b"PO2", b"P" + sign + b"2"))
    with pytest.raises(EdiInvalid):
        read_x12(GOOD_X12.replace(b"milk", b"mi" + sign + b"k"))


def test_a_text_that_looks_like_a_new_beginning_is_text() -> None:
    message = edifact_syntax.Message("1", "ORDERS", (edifact_syntax.segment("FTX", "it'UNA:+.? 'UNB"),), ("ORDERS",))
    assert edifact_syntax.read(edifact_syntax.write(header(), [message])).messages == (message,)


@pytest.mark.parametrize(
    "segments",
    [
        ["ORDRSP", "BGM+231+R1+4", "RFF+ON:PO1", "LIN+1+3++", "UNS+S"],
        ["ORDRSP", "BGM+231+R1+4", "LIN+1+5", "UNS+S"],
        ["ORDRSP", "BGM+231+R1+77", "RFF+ON:PO1"],
        ["ORDRSP", "BGM+231+R1+29", "RFF+ON:PO1", "DTM+69:20311399:102"],
        ["ORDRSP", "BGM+231+R1+29", "RFF+ON:PO1", "DTM+69:tomorrow:102"],
        ["ORDRSP", "BGM+231+R1+4", "RFF+ON:PO1", "LIN+1+3", "QTY+113:-4"],
        ["ORDRSP", "BGM+231+R1+4", "RFF+ON:PO1", "LIN+1+3", "QTY+113:1e9"],
        ["DESADV", "BGM+351+D1+9", "RFF+ON:PO1"],
        ["DESADV", "BGM+351+D1+9", "RFF+ON:PO1", "LIN+1++milk:IN"],
        ["DESADV", "BGM+351+D1+1", "RFF+ON:PO1", "LIN+1", "QTY+12:1"],
    ],
)
def test_a_message_that_leaves_open_what_it_means_has_a_fault_and_no_effect(segments: list[str]) -> None:
    (document,) = un.read_interchange(EDIFACT, edifact(segments)).documents
    assert document.fault
    assert not document.answers


@given(st.decimals(0, 10**9, places=3))
def test_quantities_travel_exactly(value: Decimal) -> None:
    assert quantity_of(quantity_text(value)) == value


def test_a_gtin_is_known_by_its_check_digit() -> None:
    assert is_gtin("4006381333931")
    assert not is_gtin("4006381333932")
    assert not is_gtin("٤٠٠٦٣٨١٣٣٣٩٣١")


def shipped(quantity: int | None, **changes: object) -> LineAnswer:
    amount = None if quantity is None else Decimal(quantity)
    values = {"order_number": "PO1", "meaning": Meaning.SHIPPED, "line": 1, "item_id": "milk", "quantity": amount}
    return LineAnswer(**{**values, **changes})  # type: ignore[arg-type]  # named as they are declared


MILK = OrderedItem(order_number="PO1", item_id="milk")


def test_packages_of_one_despatch_are_one_shipment() -> None:
    assert settled([shipped(4), shipped(6), shipped(8, line=None)], MILK).quantity == Decimal(18)


@pytest.mark.parametrize(
    "answers",
    [
        [shipped(4, line=2)],
        [shipped(4, line=None, item_id="bread")],
        [shipped(4, meaning=Meaning.AMENDED), shipped(5, meaning=Meaning.AMENDED)],
        [shipped(None, meaning=Meaning.ACKNOWLEDGED), shipped(None, meaning=Meaning.REJECTED)],
        [shipped(None, meaning=Meaning.REJECTED), shipped(4)],
        [shipped(4, unit="CT")],
        [shipped(4, unit="kg", meaning=Meaning.AMENDED)],
        [shipped(10**9), shipped(1)],
    ],
)
def test_what_does_not_fit_the_order_or_contradicts_itself_is_refused(answers: list[LineAnswer]) -> None:
    with pytest.raises(EdiInvalid):
        settled(answers, MILK)


@pytest.mark.parametrize(("unit", "ours"), [("CT", "CT"), ("GRM", "GRM"), ("KGM", "kg"), ("C62", "each"), ("", None)])
def test_a_quantity_is_in_the_unit_that_it_states(unit: str, ours: str | None) -> None:
    message = [line.replace(":PCE", f":{unit}") for line in changed()]
    (document,) = un.read_interchange(EDIFACT, edifact(message)).documents
    assert [answer.unit for answer in document.answers] == [ours]


def test_a_line_acknowledged_in_two_units_has_a_fault() -> None:
    lines = ["855", "BAK*00*AC*PO1*20311207", "PO1*1*24*EA***IN*milk", "ACK*IQ*12*EA", "ACK*IQ*1*CA", "CTT*1"]
    (document,) = ansi.read_interchange(X12, x12("PR", lines)).documents
    assert document.fault == "ACK of one line in several units"


@pytest.mark.parametrize("item_id", ["i" * 35, "i" * 48])
def test_what_is_longer_than_its_place_is_not_written(item_id: str) -> None:
    for write, partner in ((un.write_orders, EDIFACT), (ansi.write_orders, X12)):
        most = 35 if partner is EDIFACT else 48
        if len(item_id) <= most:
            assert item_id.encode() in write(partner, ENVELOPE, [an_order(item_id=item_id)])
        with pytest.raises(EdiUnsayable):
            write(partner, ENVELOPE, [an_order(item_id="i" * (most + 1))])


@pytest.mark.parametrize("changes", [{"theirs": Party("4000000000006", "14")}, {"ours": Party("1")}, {"is_test": True}])
def test_somebody_elses_interchange_or_a_test_in_earnest_is_refused(changes: dict[str, object]) -> None:
    exchange.read_interchange(EDIFACT, GOOD_EDIFACT)
    with pytest.raises(EdiInvalid):
        exchange.read_interchange(replace(EDIFACT, **changes), GOOD_EDIFACT)  # type: ignore[arg-type]  # named as they are declared


def test_numbers_of_any_length_are_read_or_refused_by_name() -> None:
    endless = "9" * 5_000
    for raw in (
        GOOD_EDIFACT.replace(b"UNZ+3", f"UNZ+{endless}".encode()),
        GOOD_X12.replace(b"SE*6", f"SE*{endless}".encode()),
        edifact(changed(quantity=endless)),
    ):
        try:
            (read_x12 if raw.startswith(b"ISA") else read_edifact)(raw)
        except EdiInvalid as error:
            assert error.detail  # noqa: PT017  # either is right; anything else is not
    (document,) = un.read_interchange(EDIFACT, edifact(changed(quantity="12345678901"))).documents
    assert document.fault


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"IEA*1*000000301", b"IEA*1*000000302"),
        (b"IEA*1*", b"IEA*2*"),
        (b"GE*1*301", b"GE*1*302"),
        (b"GE*1*", b"GE*2*"),
        (b"SE*6*0001", b"SE*6*0002"),
        (b"SE*6*", b"SE*5*"),
        (b"ST*855", b"GS*855"),
        (b"*00401*", b"*004010"),
    ],
)
def test_broken_x12_envelopes_are_refused(right: bytes, wrong: bytes) -> None:
    assert right in GOOD_X12
    with pytest.raises(EdiInvalid):
        read_x12(GOOD_X12.replace(right, wrong))
