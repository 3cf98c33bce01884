"""Golden examples: what we write, byte by byte, and what partners' documents come to."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.inventory.domain.edi import edifact as un
from services.inventory.domain.edi import x12 as ansi
from services.inventory.domain.edi.documents import LineAnswer, Meaning, Purpose, Receipt, Received
from tests.support.edi_partners import (
    EDIFACT,
    ENVELOPE,
    GOLDEN,
    X12,
    accepted,
    an_order,
    changed,
    despatched,
    edifact,
    refused,
    x12,
)

GTIN = "4006381333931"


def lines(raw: bytes, end: str) -> str:
    """A segment a line, as the golden files are kept."""
    return raw.decode("latin-1").replace(end, end + "\n")


def said(received: Received) -> list[LineAnswer]:
    assert all(document.fault is None for document in received.documents), received.documents
    return [answer for document in received.documents for answer in document.answers]


def test_orders_in_edifact() -> None:
    orders = [an_order(), an_order("PO2", purpose=Purpose.REPLACE, item_id=GTIN), an_order("PO'3", item_id="a+b:c?d")]
    assert lines(un.write_orders(EDIFACT, ENVELOPE, orders), "'") == (GOLDEN / "orders.edi").read_text()


def test_orders_in_x12() -> None:
    orders = [an_order(), an_order("PO2", purpose=Purpose.CANCEL, item_id=GTIN)]
    assert lines(ansi.write_orders(X12, ENVELOPE, orders), "~") == (GOLDEN / "orders.x12").read_text()


def test_a_receipt_in_edifact() -> None:
    received = un.read_interchange(EDIFACT, edifact(accepted(), ["INVOIC", "BGM+380+1+9"]))
    assert lines(un.write_receipt(EDIFACT, ENVELOPE, received), "'") == (GOLDEN / "contrl.edi").read_text()


def test_a_receipt_in_x12() -> None:
    raw = x12("PR", ["855", "BAK*00*AK*PO1*20311207"], ["810", "BIG*20311207*1"])
    received = ansi.read_interchange(X12, raw)
    assert lines(ansi.write_receipt(X12, ENVELOPE, received), "~") == (GOLDEN / "receipt.x12").read_text()


NOON_THERE = datetime(2031, 12, 10, 11, tzinfo=UTC)
"""A date without a time is noon in the partner's zone."""


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (accepted(), LineAnswer(order_number="PO1", meaning=Meaning.ACKNOWLEDGED, expected_at=datetime(2031, 12, 9, 7, tzinfo=UTC))),
        (
            changed(),
            LineAnswer(
                order_number="PO1", meaning=Meaning.AMENDED, line=1, item_id="milk", quantity=Decimal(18), unit="each",
                expected_at=NOON_THERE, reason="edifact-3",
            ),
        ),
        (changed(quantity="0"), LineAnswer(order_number="PO1", meaning=Meaning.REJECTED, line=1, item_id="milk", reason="edifact-3")),
        (refused(), LineAnswer(order_number="PO1", meaning=Meaning.REJECTED, reason="edifact-27")),
        (
            despatched(),
            LineAnswer(
                order_number="PO1", meaning=Meaning.SHIPPED, line=1, item_id="milk", quantity=Decimal(18), unit="each",
                expected_at=NOON_THERE,
            ),
        ),
    ],
)  # fmt: skip
def test_what_partners_say_in_edifact(message: list[str], answer: LineAnswer) -> None:
    assert said(un.read_interchange(EDIFACT, edifact(message))) == [answer]


NOON_IN_CHICAGO = datetime(2031, 12, 10, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("segments", "answer"),
    [
        (["BAK*00*AK*PO1*20311207", "DTM*067*20311210"], LineAnswer(order_number="PO1", meaning=Meaning.ACKNOWLEDGED, expected_at=NOON_IN_CHICAGO)),
        (["BAK*00*RJ*PO1*20311207"], LineAnswer(order_number="PO1", meaning=Meaning.REJECTED, reason="x12-RJ")),
        (
            ["BAK*00*AC*PO1*20311207", "PO1*1*24*EA***IN*milk", "ACK*IQ*18*EA*067*20311210", "CTT*1"],
            LineAnswer(
                order_number="PO1", meaning=Meaning.AMENDED, line=1, item_id="milk", quantity=Decimal(18), unit="each",
                expected_at=NOON_IN_CHICAGO, reason="x12-IQ",
            ),
        ),
        (
            ["BAK*00*AC*PO1*20311207", "PO1*1*24*EA***IN*milk", "ACK*IA*18*EA*067*20311210", "ACK*IB*6*EA", "CTT*1"],
            LineAnswer(
                order_number="PO1", meaning=Meaning.AMENDED, line=1, item_id="milk", quantity=Decimal(18), unit="each",
                expected_at=NOON_IN_CHICAGO, reason="x12-IA-IB",
            ),
        ),
        (
            ["BAK*00*AD*PO1*20311207", "PO1*1*24*EA***UP*036000291452*IN*milk", "ACK*IR*24*EA", "CTT*1"],
            LineAnswer(order_number="PO1", meaning=Meaning.REJECTED, line=1, item_id="milk", reason="x12-IR"),
        ),
    ],
)  # fmt: skip
def test_what_partners_say_in_an_855(segments: list[str], answer: LineAnswer) -> None:
    assert said(ansi.read_interchange(X12, x12("PR", ["855", *segments]))) == [answer]


def test_what_partners_say_in_an_856() -> None:
    notice = [
        *("856", "BSN*00*S1*20311208*1900", "HL*1**S", "DTM*011*20311208", "DTM*017*20311210", "HL*2*1*O", "PRF*PO1"),
        *("HL*3*2*I", "LIN*1*IN*milk", "SN1*1*18*EA", "HL*4*1*O", "PRF*PO2", "HL*5*4*I", "LIN**IN*bread", "SN1**6*EA"),
        "CTT*5",
    ]
    first, second = said(ansi.read_interchange(X12, x12("SH", notice)))
    assert (first.order_number, first.quantity, first.expected_at) == ("PO1", Decimal(18), NOON_IN_CHICAGO)
    assert (second.order_number, second.item_id, second.line, second.quantity) == ("PO2", "bread", None, Decimal(6))
    assert {first.meaning, second.meaning} == {Meaning.SHIPPED}


def test_other_service_characters_than_the_usual_ones_are_read() -> None:
    raw = edifact(changed(quantity="18,5")).decode().replace("'", "\n").replace("+", "|").replace(":", ";").rstrip("\n")
    odd = "UNA;|,! ~" + raw.replace("\n", "~") + "~"
    (answer,) = said(un.read_interchange(EDIFACT, odd.encode("latin-1")))
    assert (answer.quantity, answer.item_id) == (Decimal("18.5"), "milk")


def test_other_delimiters_than_the_usual_ones_are_read() -> None:
    raw = x12("PR", ["855", "BAK*00*AK*PO1*20311207"]).decode().replace("*", "|").replace("~", "\n").replace(">", ":")
    assert said(ansi.read_interchange(X12, raw.rstrip("\n").encode() + b"\n"))[0].meaning is Meaning.ACKNOWLEDGED


def test_partners_receipts_of_our_interchanges_are_heard() -> None:
    control = edifact(["CONTRL", "UCI+42+4012345000009:14+4098765000010:14+4+21", "UCM+1+ORDERS:D:96A:UN+4"])
    assert un.read_interchange(EDIFACT, control).receipts == [Receipt(control_number=42, accepted=False, detail="21")]
    raw = x12("FA", ["997", "AK1*PO*42", "AK9*A*1*1*1"])
    assert ansi.read_interchange(X12, raw).receipts == [Receipt(control_number=42, accepted=True)]


def test_one_message_that_is_not_understood_leaves_the_others_in_force() -> None:
    received = un.read_interchange(EDIFACT, edifact(accepted(), ["INVOIC", "BGM+380+1+9"], ["ORDRSP", "BGM+231+9+4"]))
    good, other, empty = received.documents
    assert good.fault is None
    assert other.fault is not None
    assert empty.fault is not None
