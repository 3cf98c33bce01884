"""Nobody's card number enters, in no field of no event, by no door; and where it was refused nothing of it is left."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from docs.examples import EXAMPLES
from libs.common.contracts import TOPIC_OF_TYPE
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader
from libs.laptop.embedded_postgres import DATABASE
from tests.support.ingest_card_fields import CARDS, ENVELOPE, places, with_card
from tests.support.ingest_lab import FIRST_DOOR, INGEST_TOPICS, IngestLab, running_lab
from tests.support.ingest_ways import CALL, EVENTS
from tests.support.poslog_documents import document

TYPES = sorted(name for name, topic in TOPIC_OF_TYPE.items() if topic.owner == "ingest")
CALLS = ("track", "identify", "page", "alias")
REFUSED = "card-number"
A_CARD = str(CARDS[0])
Message = Mapping[str, Any]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestLab]:
    """One door for all tests here; in the end nothing of any card may be found anywhere behind it."""
    with running_lab(
        tmp_path_factory.mktemp("cards"), broker="embedded", processes=[FIRST_DOOR], patient=True
    ) as running:
        yield running


@asynccontextmanager
async def a_client(lab: IngestLab, caller: str = "erp") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-api-key": lab.keys.key(caller), "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=lab.doors[0], headers=headers, timeout=60.0, trust_env=False) as client:
        yield client


def an_event(event_type: str, number: int, **changes: Any) -> Message:
    event = {"specversion": "1.0", "id": f"e{number}", "source": "urn:cards", "type": event_type}
    return {**event, "data": EXAMPLES.get(event_type, {"reached_at": "2026-03-01T12:00:00Z"}), **changes}


def spoilt_events(event_type: str) -> list[Message]:
    """One for each place of the envelope and of the body, and a card's number as a member's name."""
    cards = cycle([*CARDS, f"paid with {CARDS[0]}, thanks"])
    events = [an_event(event_type, number, **{name: str(next(cards))}) for number, name in enumerate(ENVELOPE)]
    for pointer in places(event_type):
        body = with_card(an_event(event_type, 0)["data"], pointer, next(cards))
        events.append(an_event(event_type, len(events), data=body))
    return [*events, an_event(event_type, len(events), **{A_CARD: "x"})]


def spoilt_calls(kind: str) -> Iterator[Message]:
    """A Segment call with a card's number in each of its members, those of its objects too."""
    cards = cycle(CARDS)
    call = {**CALL, "type": kind, "traits": {"email": "a@shop.example", "address": {"city": "Ulm"}}, "previousId": "p1"}
    for pointer in _pointers(call):
        yield with_card(call, pointer, next(cards))
    yield {**call, "properties": {A_CARD: 1}}


def _pointers(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for name, below in value.items():
        yield (*at, name)
        if isinstance(below, dict):
            yield from _pointers(below, (*at, name))


def spoilt_documents() -> Iterator[bytes]:
    """A POSLog with a card's number in each of its texts and attributes, and in names."""
    cards = cycle(map(str, CARDS))
    whole = ET.fromstring(document("sale_v6"))  # noqa: S314 - our own fixture
    for element in whole.iter():
        was, element.text = element.text, next(cards)
        yield ET.tostring(whole)
        element.text = was
        for name, value in list(element.attrib.items()):
            element.set(name, next(cards))
            yield ET.tostring(whole)
            element.set(name, value)
    for spoilt in (b"<n4111111111111111/>", b'<n a4111111111111111="x"/>', b"<!-- 4111111111111111 -->"):
        for tag in (b"</ARTSHeader>", b"</RetailTransaction>"):
            yield document("sale_v6").replace(tag, spoilt + tag)


@pytest.mark.parametrize("event_type", TYPES)
async def test_it_is_refused_in_every_field_of_every_event(lab: IngestLab, event_type: str) -> None:
    events = spoilt_events(event_type)
    async with a_client(lab) as client:
        results = (await client.post(EVENTS, content=json.dumps(events))).json()["results"]
        told = [(result["status"], result.get("slug")) for result in results]
        let_in = [event for event, said in zip(events, told, strict=True) if said != ("refused", REFUSED)]
        assert not let_in
        alone = await client.post(EVENTS, content=json.dumps(events[-2]))
    assert (alone.status_code, alone.json()["title"]) == (422, REFUSED)
    assert not traces(json.dumps(results) + alone.text)


async def test_it_is_refused_in_every_header_of_binary_mode(lab: IngestLab) -> None:
    event = an_event("usual.stock.counted.v1", 904)
    headers = {f"ce-{name}": text for name, text in event.items() if isinstance(text, str)}
    async with a_client(lab) as client:
        for name in ENVELOPE:
            for card in (*map(str, CARDS), "%34111111111111111"):
                spoilt = {**headers, f"ce-{name}": card}
                answer = await client.post(EVENTS, content=json.dumps(event["data"]), headers=spoilt)
                assert (answer.status_code, answer.json()["title"]) == (422, REFUSED), (name, card)
                assert not traces(answer.text)


async def test_it_costs_its_neighbours_nothing(lab: IngestLab) -> None:
    good = an_event("usual.stock.counted.v1", 900)
    bad = an_event("usual.pos.sale.v1", 901, subject=A_CARD)
    async with a_client(lab) as client:
        results = (await client.post(EVENTS, content=json.dumps([good, bad, {**good, "id": "e902"}]))).json()["results"]
    assert [result["status"] for result in results] == ["accepted", "refused", "accepted"]


@pytest.mark.parametrize("kind", CALLS)
async def test_it_is_refused_in_every_member_of_a_segment_call(lab: IngestLab, kind: str) -> None:
    async with a_client(lab) as client:
        for call in spoilt_calls(kind):
            answer = await client.post(f"/v1/{kind}", content=json.dumps(call))
            assert REFUSED in answer.text, call
            assert "accepted" not in answer.text, call
            assert not traces(answer.text)


async def test_it_is_refused_in_every_element_and_attribute_of_a_poslog(lab: IngestLab) -> None:
    async with a_client(lab) as client:
        for spoilt in spoilt_documents():
            answer = await client.post("/v1/poslog", content=spoilt, headers={"content-type": "application/xml"})
            assert not traces(answer.text)
            assert REFUSED in answer.text, spoilt


async def test_it_is_refused_in_every_address(lab: IngestLab) -> None:
    """Path and query of every endpoint; nothing of it in the answer."""
    async with a_client(lab, "office") as client:
        for path, methods in (await client.get("/openapi.json")).json()["paths"].items():
            asked = [f"{path}?note={A_CARD}", f"{path}?{A_CARD}"]
            asked += [re.sub(r"\{.*?\}", A_CARD, path)] if "{" in path else []
            for method in methods:
                for address in asked:
                    answer = await client.request(method, address, content=b"{}")
                    assert (answer.status_code, answer.json()["title"]) == (422, REFUSED), (method, address)
                    assert not traces(answer.text)


async def test_nothing_of_it_is_left_behind_the_door(lab: IngestLab) -> None:
    """Logs, metrics, quarantine, topics."""
    async with a_client(lab) as client:
        for event_type in TYPES:
            events = [*spoilt_events(event_type), an_event("usual.stock.counted.v1", 903)]
            assert (await client.post(EVENTS, content=json.dumps(events))).status_code == 202
        assert not traces((await client.get("/metrics")).text)
    for log in lab.state.logs.iterdir():
        assert not traces(log.read_text()), log.name
    connection = await lab.postgres.connect(DATABASE)
    rows = await connection.fetch("SELECT * FROM ingest.quarantine")
    await connection.close()
    assert not [row for row in rows if any(traces(_text(value)) for value in row.values())]
    settings = StreamSettings(bootstrap=lab.broker.bootstrap, idempotence=False)
    async with TopicReader(settings, INGEST_TOPICS) as reader:
        records = list(await reader.read())
        while not await reader.at_end():
            records += await reader.read()
    assert records
    assert not [record for record in records if traces(_text([record.headers, record.value]))]


def traces(text: str) -> Sequence[str]:
    """The cards whose digits stand in it, with or without spaces and dashes."""
    digits = re.sub(r"[ -]", "", text)
    return [str(card) for card in CARDS if re.sub(r"[ -]", "", str(card)) in digits]


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
