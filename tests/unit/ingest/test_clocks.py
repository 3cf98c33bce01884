"""Which time counts, whose clock is wrong, and what comes late."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.common.contracts import decode
from libs.common.errors import InvalidMessage
from services.ingest.domain.admission import Rules
from services.ingest.domain.clocks import ClockRules, ClockTally, Terminal
from tests.unit.ingest.examples import NOON, Door, a_key, an_event, raw

LAW = settings(derandomize=True, deadline=None, max_examples=300)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(moment: datetime, **changes: Any) -> bytes:
    return raw(an_event(time=moment.isoformat(), **changes))


@given(st.timedeltas(min_value=timedelta(days=-800), max_value=timedelta(days=800)))
@LAW
def test_a_time_is_believed_corrected_or_refused_and_never_lies_ahead_of_what_is_allowed(skew: timedelta) -> None:
    rules = ClockRules()
    if skew > rules.far_ahead or skew < -rules.behind:
        with pytest.raises(InvalidMessage, match="not between"):
            rules.believed(NOON + skew, NOON)
        return
    told = rules.believed(NOON + skew, NOON)
    assert NOON - rules.behind <= told.at <= NOON + rules.ahead
    if skew <= rules.ahead:
        assert (told.at, told.claimed_at) == (NOON + skew, None)
    else:
        assert (told.at, told.claimed_at) == (NOON, NOON + skew)


MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-14))]))


@given(MOMENTS, MOMENTS)
@LAW
def test_what_waited_at_its_sender_happened_that_long_ago_however_wrong_its_clock(
    said_at: datetime, sent_at: datetime
) -> None:
    rules = ClockRules()
    waited = max(sent_at - said_at, timedelta())
    if waited > rules.behind:
        with pytest.raises(InvalidMessage, match="not between"):
            rules.waited(said_at, sent_at, NOON)
    else:
        assert rules.waited(said_at, sent_at, NOON).at == NOON - waited


@pytest.mark.parametrize(
    ("skew", "status"),
    [
        (5 * MINUTE, "accepted"),
        (6 * MINUTE, "accepted"),
        (36 * HOUR, "accepted"),
        (36 * HOUR + MINUTE, "quarantined"),
        (-400 * DAY, "accepted"),
        (-401 * DAY, "quarantined"),
    ],
)
async def test_a_clock_may_be_late_but_not_wrong(skew: timedelta, status: str) -> None:
    (result,) = await Door().front.accept_events([at(NOON + skew)], a_key())
    assert result.status == status
    played = Door(rules=Rules(play_mode=True))
    (result,) = await played.front.accept_events([at(NOON + skew)], a_key())
    assert result.status == "accepted", "in a play event time is the clock"
    assert not played.front.timekeeping.tally.worst_first()


async def test_a_time_that_is_not_believed_travels_beside_the_one_that_counts() -> None:
    door = Door()
    await door.front.accept_events([at(NOON + HOUR), at(NOON + MINUTE, id="e2")], a_key())
    corrected, believed = (decode(message.headers, message.value) for message in door.publisher.published)
    assert (corrected.occurred_at, corrected.claimed_at) == (NOON, NOON + HOUR)
    assert dict(door.publisher.published[0].headers)["ce_claimedtime"] == b"2026-03-01T13:00:00.000000Z"
    assert (believed.occurred_at, believed.claimed_at) == (NOON + MINUTE, None)
    assert door.count("clocks_wrong", outcome="corrected") == 1


async def test_a_repeat_of_an_event_with_a_wrong_clock_is_a_repeat() -> None:
    door = Door()
    await door.front.accept_events([at(NOON + HOUR)], a_key())
    door.wait(MINUTE)
    (again,) = await door.front.accept_events([at(NOON + HOUR)], a_key())
    assert again.duplicate


async def test_wrong_clocks_are_told_by_terminal_with_the_worst_and_the_last() -> None:
    door = Door()
    till = {"data": {"terminal_id": "t3"}}
    for number, skew in enumerate((HOUR, 3 * HOUR, 2 * HOUR)):
        await door.front.accept_events([at(NOON + skew, id=f"e{number}", **till)], a_key(store_id="7"))
    await door.front.accept_events([at(NOON - 500 * DAY, source="till-2"), at(NOON)], a_key())
    lost, ahead = door.front.timekeeping.tally.worst_first()
    assert ahead.terminal == Terminal("7", "till-1", "t3")
    assert (ahead.events, ahead.worst_seconds, ahead.last_seconds) == (3, 10_800.0, 7_200.0)
    assert (lost.terminal, lost.events, lost.worst_seconds) == (Terminal("*", "till-2"), 1, -500 * 86_400.0)
    assert door.front.timekeeping.tally.worst_first("7") == [ahead], "a store sees its own clocks"
    assert door.count("clocks_wrong", outcome="quarantined") == 1


async def test_what_comes_late_is_kept_and_measured() -> None:
    door = Door()
    (late, _) = await door.front.accept_events([at(NOON - 3 * DAY), at(NOON - timedelta(seconds=30), id="e2")], a_key())
    assert late.status == "accepted"
    assert door.registry.get_sample_value("ingest_late_seconds_sum") == 3 * 86_400.0
    assert door.registry.get_sample_value("ingest_late_seconds_count") == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(-1e6, 1e6)), max_size=80))
@LAW
def test_of_many_terminals_those_heard_last_are_remembered(told: list[tuple[int, float]]) -> None:
    tally = ClockTally(terminals=5)
    for source, skew in told:
        tally.note(Terminal("*", str(source)), skew, NOON)
    lately = list(dict.fromkeys(str(source) for source, _ in reversed(told)))[:5]
    assert {skew.terminal.source for skew in tally.worst_first()} == set(lately)
