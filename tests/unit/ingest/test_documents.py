"""A batch that is opened in one go has the same verdicts as its events one by one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.errors import InvalidMessage
from services.ingest.domain.admission import Refused, Rules, Verdict, admit
from services.ingest.domain.documents import Document, Opened, open_batch
from tests.unit.ingest.examples import NOON, SALE, a_key, an_event

GREATEST_BYTES = 4_000
RULES = Rules(greatest_event_bytes=GREATEST_BYTES)
PLAIN: list[dict[str, Any]] = [
    an_event(),
    an_event(id="e2", source="till-2"),
    an_event("usual.stock.counted.v1", id="e3"),
    an_event("usual.web.searched.v1", id="e4"),
    an_event(id="e5", time=None),
]
"""Valid or not, none of them needs a closer look to be opened."""
PLAIN += [
    an_event(data={"currency": "usd"}),
    an_event("usual.unknown.v1"),
    an_event(id="old", time="2001-01-01T00:00:00Z"),
]
SUSPICIOUS: list[dict[str, Any]] = [
    an_event(note="an extension"),
    an_event(extension="x" * GREATEST_BYTES),
    an_event(id="4111111111111111"),
    an_event(subject='quoted "'),
    an_event(id="\x7f"),
    an_event(id=""),
    an_event(time="0001-01-01T00:00:00+14:00"),
    an_event(specversion="0.3"),
    {"id": "e9"},
]
texts = st.sampled_from([(",", ":"), (", ", ": ")])


def as_sent(events: list[dict[str, Any]], separators: tuple[str, str]) -> bytes:
    return json.dumps(events, separators=separators).encode()


def verdicts(documents: Any) -> list[Verdict]:
    return [admit(document, a_key(), RULES, NOON) for document in documents]


def opened(body: bytes) -> list[Document]:
    return list(open_batch(body, GREATEST_BYTES))


@given(st.lists(st.sampled_from(PLAIN + SUSPICIOUS), min_size=1, max_size=6), texts)
def test_together_or_alone_an_event_has_one_verdict(events: list[dict[str, Any]], separators: tuple[str, str]) -> None:
    alone = [as_sent([event], separators)[1:-1] for event in events]
    assert verdicts(opened(as_sent(events, separators))) == verdicts(alone)


@given(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=6), texts)
def test_a_batch_without_anything_suspicious_is_opened_in_one_go(
    events: list[dict[str, Any]], separators: tuple[str, str]
) -> None:
    assert all(isinstance(document, Opened) for document in opened(as_sent(events, separators)))


@pytest.mark.parametrize("suspicious", SUSPICIOUS, ids=str)
def test_where_one_event_needs_a_closer_look_each_gets_it(suspicious: dict[str, Any]) -> None:
    assert not any(isinstance(document, Opened) for document in opened(as_sent([an_event(), suspicious], (",", ":"))))


def test_an_event_that_white_space_makes_too_long_is_so_in_a_batch_too() -> None:
    padded = json.dumps(an_event()).replace('"source"', " " * GREATEST_BYTES + '"source"').encode()
    assert [getattr(one, "slug", None) for one in verdicts(opened(b"[" + padded + b"]"))] == ["event-too-large"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[{}", b"[1,]", b"\xff", b"[" * 100_000])
def test_what_is_no_array_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        open_batch(body, GREATEST_BYTES)


def test_a_refused_event_of_an_opened_batch_is_kept_as_it_came() -> None:
    bad = an_event(data={"currency": "usd"})
    body = as_sent([an_event(SALE), bad], (", ", ": "))
    _, refused = verdicts(opened(body))
    assert getattr(refused, "raw", None) == as_sent([bad], (", ", ": "))[1:-1]


def test_half_a_character_costs_the_event_that_holds_it_and_no_neighbour() -> None:
    sound = [an_event(), an_event(id="e3", source="cut \\ud83d is no escape")]
    cut = as_sent([an_event(id="e2", subject="\ud83d")], (", ", ": "))[1:-1]
    before, after = (as_sent([event], (",", ":"))[1:-1] for event in sound)
    first, refused, last = verdicts(opened(b"[" + b" ,\n".join((before, cut, after)) + b"]"))
    assert [first, last] == verdicts([before, after])
    assert isinstance(refused, Refused)
    assert (refused.slug, refused.raw) == ("invalid-json", cut)
    assert refused.name.id == "e2"
    with pytest.raises(InvalidMessage):
        opened(b'[{"id": "\\ud83d"}, {"id"}]')
