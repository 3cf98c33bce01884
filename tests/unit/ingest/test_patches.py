"""A JSON Patch on an event: done in order, or refused without a word of what the event says."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import InvalidInput, TooLarge
from services.ingest.domain.admission import Rules
from services.ingest.domain.mending import mended
from tests.unit.ingest.examples import an_event, raw

LAW = settings(derandomize=True, deadline=None, max_examples=200)


@pytest.mark.parametrize("path", ["/id", "/source"])
def test_an_events_name_is_not_mended_unless_it_could_not_be_read(path: str) -> None:
    rename = [{"op": "replace", "path": path, "value": "another"}]
    with pytest.raises(InvalidInput, match="told apart"):
        mended(raw(an_event()), rename, greatest_bytes=10_000)
    nameless = raw({**an_event(), path[1:]: 7})
    assert json.loads(mended(nameless, rename, greatest_bytes=10_000))[path[1:]] == "another"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/data/nowhere/at", "value": 1},
        {"op": "test", "path": "/id", "value": "e2"},
        {"op": "remove", "path": "/data/lines/7"},
        {"op": "add", "path": "no-pointer", "value": 1},
        {"op": "add", "path": "/data/lines/x", "value": 1},
        {"op": "move", "from": "/data", "path": "/data/lines/0"},
        {"op": "replace", "path": "/data/currency", "value": "\ud800"},
        {"op": "fold", "path": "/data"},
    ],
)
def test_a_patch_that_does_not_fit_says_where_and_quotes_nothing(operation: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        mended(raw(an_event()), [operation], greatest_bytes=10_000)
    assert caught.value.slug == "patch-refused"
    assert "milk" not in caught.value.detail


def test_copies_of_copies_end_at_the_limit_of_an_event() -> None:
    doubling = [{"op": "copy", "from": "/data", "path": f"/data/again{number}"} for number in range(60)]
    with pytest.raises(TooLarge):
        mended(raw(an_event()), doubling, greatest_bytes=Rules().greatest_event_bytes)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False, places=2).map(float),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), st.text(max_size=6), JSON)
@LAW
def test_any_patch_of_anything_is_done_or_refused_and_leaves_the_name(
    content: Any, op: str, path: str, value: Any
) -> None:
    event = json.dumps({"id": "e1", "source": "s", "data": content}).encode()
    operation = {"op": op, "path": f"/data{path}", "from": "/data", "value": value}
    with contextlib.suppress(InvalidInput):
        assert json.loads(mended(event, [operation], greatest_bytes=10_000))["id"] == "e1"
