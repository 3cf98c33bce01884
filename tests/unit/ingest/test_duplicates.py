"""Repeats at the door: known while the window lasts, sent once, and never taken for another event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.errors import Kind
from libs.common.streaming.errors import SendUnknown
from services.ingest.domain.duplicates import Known, Window, fingerprint
from services.ingest.handlers import EventResult
from tests.unit.ingest.examples import NOON, SALE, Door, InMemoryPublisher, a_key, an_event, raw

INVALID = {"currency": "usd"}
OTHER = {"customer": {"kind": "loyalty_card", "value": "8"}}
CONTENTS: Mapping[str, Mapping[str, Any]] = {"same": {}, "other": OTHER, "invalid": INVALID}
LAW = settings(derandomize=True, deadline=None, max_examples=300)
NAMES = st.sampled_from("abcdef")


def offered(name: str, content: str) -> dict[str, Any]:
    return an_event(id=name, data=CONTENTS[content])


async def offer(door: Door, *events: dict[str, Any]) -> Sequence[EventResult]:
    return await door.front.accept_events([raw(event) for event in events], a_key())


@dataclass
class Ledger:
    """What should be known after each answer: one content for each name, from its acknowledgement on."""

    stands: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    def expect(self, request: Sequence[tuple[str, str]], *, up: bool) -> list[tuple[str, bool]]:
        """(status, duplicate) of each event."""
        in_request: dict[str, str] = {}
        expected: list[tuple[str, bool]] = []
        for name, content in request:
            known = self.stands.get(name) or in_request.get(name)
            if content == "invalid" or known not in {None, content}:
                expected.append(("quarantined", False))
            elif name in self.stands:
                expected.append(("accepted", True))
            else:
                first = name not in in_request
                in_request[name] = content
                self.sent += first and up
                expected.append(("accepted", not first) if up else ("unknown", False))
        if up:
            self.stands |= in_request
        return expected


REQUESTS = st.lists(
    st.tuples(
        st.lists(st.tuples(NAMES, st.sampled_from(["same", "other", "invalid"])), min_size=1, max_size=6), st.booleans()
    ),
    max_size=8,
)


@given(REQUESTS)
@settings(LAW, max_examples=100)
async def test_whatever_comes_in_whatever_order_each_event_is_sent_once_and_the_sum_of_all_results_is_right(
    requests: list[tuple[list[tuple[str, str]], bool]],
) -> None:
    door, ledger = Door(), Ledger()
    for request, up in requests:
        door.publisher.failure = None if up else SendUnknown("late")
        results = await offer(door, *(offered(*one) for one in request))
        assert [result.id for result in results] == [name for name, _ in request]
        expected = ledger.expect(request, up=up)
        assert [(result.status, result.duplicate is True) for result in results] == expected
    assert len(door.publisher.ids) == len(set(door.publisher.ids)) == ledger.sent
    names = [name for request, _ in requests for name, _ in request]
    kept = sum(event.times for event in door.quarantine.kept.values())
    counted = {word: door.count(f"events_{word}", type=SALE) for word in ("accepted", "duplicate", "unknown")}
    assert sum(counted.values()) + kept == len(names)


async def test_a_repeat_is_answered_like_the_first_and_not_sent_again() -> None:
    door = Door()
    await offer(door, an_event())
    (again,) = await offer(door, an_event())
    assert (again.status, again.duplicate, again.kind) == ("accepted", True, None)
    assert door.publisher.ids == ["e1"]
    assert door.count("events_duplicate", type=SALE) == 1


@pytest.mark.parametrize("white_space", [b" ", b"\n\t"])
async def test_white_space_and_members_that_say_nothing_make_no_other_event(white_space: bytes) -> None:
    door = Door()
    await offer(door, an_event())
    spaced = raw(an_event(traceparent="00-1-1-01")).replace(b" ", white_space)
    (again,) = await door.front.accept_events([spaced], a_key())
    assert again.duplicate


@pytest.mark.parametrize(
    "changes", [{"data": OTHER}, {"time": (NOON - timedelta(seconds=1)).isoformat()}, {"time": None}]
)
async def test_another_event_under_the_same_name_is_kept_and_not_sent(changes: dict[str, Any]) -> None:
    door = Door()
    await offer(door, an_event())
    (other,) = await offer(door, an_event(**changes))
    assert (other.status, other.slug, other.kind, other.pointer) == ("quarantined", "id-reused", Kind.INVALID, "/id")
    (kept,) = door.quarantine.kept.values()
    assert (kept.rule, await door.raw_of(kept.quarantine_id)) == ("id-reused", raw(an_event(**changes)))
    assert door.publisher.ids == ["e1"]


async def test_the_same_id_of_another_source_is_another_event() -> None:
    door = Door()
    first, second = await offer(door, an_event(), an_event(source="till-2"))
    assert (first.duplicate, second.duplicate) == (None, None)
    assert len(door.publisher.ids) == 2


@pytest.mark.parametrize("failure", [SendUnknown("late")])
async def test_what_was_not_acknowledged_is_sent_again(failure: SendUnknown) -> None:
    door = Door(publisher=InMemoryPublisher(failure=failure))
    for result in await offer(door, an_event(), an_event()):
        assert (result.status, result.duplicate) == ("unknown", None), "both share one fate"
    door.publisher.failure = None
    (again,) = await offer(door, an_event())
    assert (again.status, again.duplicate) == ("accepted", None)


async def test_an_event_without_a_time_is_the_same_event_whenever_it_comes() -> None:
    door = Door()
    await offer(door, an_event(time=None))
    door.wait(timedelta(seconds=5))
    (again,) = await offer(door, an_event(time=None))
    assert again.duplicate


async def test_after_the_window_a_repeat_is_sent_for_the_inboxes_to_drop() -> None:
    door = Door(window=Window(events=100, seconds=10.0))
    await offer(door, an_event())
    door.wait(timedelta(seconds=20))
    (again,) = await offer(door, an_event())
    assert again.duplicate is None
    assert door.publisher.ids == ["e1", "e1"]


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0.0, 0.5, 15.0])), max_size=60))
@LAW
def test_the_window_knows_what_it_promises_and_never_holds_more_than_twice_its_bound(
    steps: list[tuple[int, float]],
) -> None:
    window, now = Window(events=5, seconds=20.0), 0.0
    remembered: list[tuple[int, float]] = []
    for name, pause in steps:
        now += pause
        seen = fingerprint("s", str(name), "t", None, b"{}")
        newer = {other for other, at in remembered[-5:] if now - at < 20.0}
        if name in newer:
            assert window.look(seen, now) is Known.SAME
        if not any(other == name and now - at < 40.0 for other, at in remembered):
            assert window.look(seen, now) is Known.NEW, "forgotten after twice the time"
        if window.look(seen, now) is Known.NEW:
            window.remember(seen, now)
            remembered.append((name, now))
        assert len(window) <= 10
