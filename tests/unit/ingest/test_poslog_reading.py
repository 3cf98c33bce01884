"""A parser that follows nothing and holds little: laws of reading XML that comes from outside."""

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import TooLarge, UsualError
from services.ingest.domain.poslog import InvalidXml, XmlForbidden
from tests.support.poslog_documents import document, fault, poslog, read, sale, transaction

BOMB = b"""<?xml version="1.0"?><!DOCTYPE POSLog [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><POSLog>&c;</POSLog>"""
FORBIDDEN = {
    "entity bomb": BOMB,
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><POSLog><Transaction>&e;</Transaction></POSLog>',
    "external document type": b'<!DOCTYPE POSLog SYSTEM "http://127.0.0.1:1/poslog.dtd"><POSLog/>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/p"> %p;]><POSLog/>',
    "inclusion": b'<POSLog xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></POSLog>',
    "inclusion in a transaction": poslog(
        transaction(sale("1", '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'))
    ),
    "in UTF-16": BOMB.decode().encode("utf-16"),
}


@pytest.mark.parametrize("body", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_document_types_entities_and_inclusions_are_refused_where_they_begin(body: bytes) -> None:
    with pytest.raises(XmlForbidden) as caught:
        read(body)
    assert caught.value.slug == "xml-forbidden"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<POSLog>",
        b"{}",
        b"<POSLog><Transaction></POSLog>",
        b"<POSLog>\xff</POSLog>",
        b"<POSLog>&undefined;</POSLog>",
        b'<?xml version="1.0" encoding="utf-7"?><POSLog/>',
        b'<?xml version="1.0" encoding="utf-16"?><POSLog/>',
        "<POSLog/>".encode("utf-16-le"),
    ],
)
def test_what_is_not_well_formed_or_in_another_encoding_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidXml):
        read(body)


def test_what_has_no_transaction_is_no_poslog() -> None:
    with pytest.raises(UsualError) as caught:
        read(b"<html><body/></html>")
    assert caught.value.slug == "not-a-poslog"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_the_declared_encoding_is_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + poslog(transaction(sale("1", item_id="Käse"))).decode()
    (mapped,) = read(text.encode(encoding)).transactions
    assert "Käse".encode() in mapped.events[0]


def test_a_transaction_that_is_too_deep_or_too_long_is_broken_and_its_neighbours_are_not() -> None:
    deep, long = "<a>" * 40 + "</a>" * 40, f"<Note>{'x' * 3_000}</Note>"
    body = poslog(transaction(sale("1", deep)), transaction(sale("1", long), sequence="2"), transaction(sequence="3"))
    too_deep, too_long, good = read(body, greatest_transaction_bytes=2_000).transactions
    assert fault(too_deep)[0] == "xml-too-deep"
    assert b"<a><a>" in too_deep.raw
    assert (fault(too_long)[0], too_long.raw) == ("event-too-large", b"")
    assert good.fault is None


def test_too_many_transactions_or_elements_are_too_large() -> None:
    with pytest.raises(TooLarge) as caught:
        read(poslog(*[transaction(sequence=str(number)) for number in range(1, 4)]), greatest_transactions=2)
    assert caught.value.slug == "batch-too-large"
    with pytest.raises(TooLarge):
        read(poslog("<a/>" * 101, transaction()), greatest_elements=100)


@pytest.mark.parametrize("one", ["<Colour>red</Colour>" * 2_000, "x<?a b?><!---->" * 100_000])
def test_memory_is_bounded_by_what_a_transaction_may_have_not_by_the_body(one: str) -> None:
    count = 1_600_000 // len(one)
    body = poslog(*[transaction(sale("1", one), sequence=str(number)) for number in range(1, count + 1)])
    tracemalloc.start()
    try:
        read(body)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4_000_000, f"{len(body)} bytes took {peak_bytes}"


@given(st.data())
def test_whatever_happens_to_a_document_it_is_read_or_refused_on_purpose(data: st.DataObject) -> None:
    body = bytearray(document(data.draw(st.sampled_from(["sale_v6", "day_v2", "coupons_v3"]))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(0, 20))
        body[at : at + length] = data.draw(st.binary(max_size=20))
    with contextlib.suppress(UsualError):
        found = read(bytes(body))
        assert all(one.fault or one.skipped or one.events for one in found.transactions)
