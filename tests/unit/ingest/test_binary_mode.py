"""An event in HTTP's binary mode is the same event as in structured mode."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.admission import Accepted, Refused, Rules, admit
from services.ingest.domain.binary_mode import is_binary, structured
from tests.unit.ingest.examples import DATA, NOON, a_key, an_event, raw


def headers_of(event: Mapping[str, Any]) -> dict[bytes, bytes]:
    attributes = {name: content for name, content in event.items() if name != "data"}
    return {
        b"content-type": b"application/json",
        **{f"ce-{name}".encode(): quote(content, safe=" /:+").encode() for name, content in attributes.items()},
    }


@pytest.mark.parametrize("event_type", DATA)
def test_an_event_of_any_type_is_judged_as_in_structured_mode(event_type: str) -> None:
    event = an_event(event_type, subject="Ärger / 100 %", source="till/7")
    assert is_binary(headers_of(event))
    binary = admit(structured(headers_of(event), raw(event["data"])), a_key(), Rules(), NOON)
    other = admit(json.dumps(event, ensure_ascii=False).encode(), a_key(), Rules(), NOON)
    assert isinstance(binary, Accepted)
    assert isinstance(other, Accepted)
    assert binary == other


@given(
    st.dictionaries(st.sampled_from(["id", "type", "data", "data_base64", "datacontenttype", "x"]), st.binary()),
    st.binary() | st.just(b"{}"),
)
def test_whatever_comes_becomes_json_whose_attributes_the_body_cannot_change(
    attributes: dict[str, bytes], body: bytes
) -> None:
    headers = {f"ce-{name}".encode(): content for name, content in attributes.items()}
    try:
        event = json.loads(structured(headers, body))
    except UnicodeDecodeError:  # the bytes of a text in the body, as they came
        return
    assert event["datacontenttype"] == "application/json"
    assert ("data" in event) != ("data_base64" in event)
    assert event.keys() - {"data", "data_base64", "datacontenttype"} == attributes.keys() - {
        "data",
        "data_base64",
        "datacontenttype",
    }


@pytest.mark.parametrize("body", [b'{}, "type": "usual.play.tick.v1"', b"{", b"", b"\xff", b"[" * 5_000])
def test_a_body_that_is_no_json_is_an_invalid_event_of_the_name_in_its_headers(body: bytes) -> None:
    event = an_event()
    verdict = admit(structured(headers_of(event), body), a_key(), Rules(), NOON)
    assert isinstance(verdict, Refused)
    assert (verdict.slug, verdict.name.id, verdict.name.type) == ("invalid-envelope", "e1", event["type"])
