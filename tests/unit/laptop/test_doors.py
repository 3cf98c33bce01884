"""Laws of an honest caller: the same ids until there is an answer, and a journal that tells what was said."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.laptop.doors import ANSWERS_PER_REQUEST, DoorClosed, Doors
from libs.laptop.journal import Answered, CheckedOut, Entry, Journal, Redeemed, Sent, read

ADDRESSES = {"ingest": "http://ingest", "offers": "http://offers", "inventory": "http://inventory"}
EVENTS: list[dict[str, Any]] = [{"source": "till", "id": name, "data": {}} for name in ("a", "b", "c")]
SENT = [Sent("till", name, "t") for name in ("a", "b", "c")]
Door = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def doors(door: Door, path: Path, *, patience_seconds: float = 5.0) -> AsyncIterator[Doors]:
    with Journal(path) as journal:
        made = Doors(ADDRESSES, "key", journal, patience_seconds=patience_seconds, transport=httpx.MockTransport(door))
        yield made
        await made.close()


def results(*said: str, status: int = 202) -> httpx.Response:
    return httpx.Response(status, json={"results": [{"status": one, "slug": None} for one in said]})


def one_after_the_other(*answers: httpx.Response | Exception) -> tuple[Door, list[list[str]]]:
    """A door that gives these answers, and the event ids that it was asked for each time."""
    waiting: Iterator[httpx.Response | Exception] = iter(answers)
    asked: list[list[str]] = []

    def door(request: httpx.Request) -> httpx.Response:
        body: Any = json.loads(request.content)
        asked.append([event["id"] for event in body] if isinstance(body, list) else [])
        answer = next(waiting)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return door, asked


def answers(path: Path) -> list[Entry]:
    return [entry for entry in read(path) if not isinstance(entry, Sent)]


async def test_only_what_has_no_answer_is_sent_again_under_the_same_ids(tmp_path: Path) -> None:
    door, asked = one_after_the_other(
        results("accepted", "unknown", "refused", status=503), results("accepted", "accepted")
    )
    async with doors(door, tmp_path / "journal") as known:
        await known.send_events(EVENTS, SENT)
    assert asked == [["a", "b", "c"], ["b", "c"]]
    assert (known.tally.events_sent, known.tally.events_accepted, known.tally.repeats) == (3, 3, 1)


async def test_every_event_is_in_the_journal_before_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "journal"

    def door(_: httpx.Request) -> httpx.Response:
        assert list(read(path)) == SENT
        return results("accepted", "accepted", "accepted")

    async with doors(door, path) as known:
        await known.send_events(EVENTS, SENT)


async def test_a_connection_that_breaks_is_no_answer(tmp_path: Path) -> None:
    door, asked = one_after_the_other(
        httpx.ReadError("cut"), httpx.ConnectError("refused"), results("accepted", "accepted", "accepted")
    )
    async with doors(door, tmp_path / "journal") as known:
        await known.send_events(EVENTS, SENT)
    assert asked == [["a", "b", "c"]] * 3
    assert known.tally.events_accepted == 3


async def test_when_patience_ends_the_journal_says_unknown(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with doors(lambda _: httpx.Response(503, text="later"), path, patience_seconds=0.1) as known:
        await known.send_events(EVENTS[:1], SENT[:1])
    assert answers(path) == [Answered("till", "a", "unknown")]
    assert known.tally.events_unknown == 1


async def test_a_quarantined_event_is_not_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    door, asked = one_after_the_other(results("quarantined", "accepted", "accepted"))
    async with doors(door, path) as known:
        await known.send_events(EVENTS, SENT)
    assert len(asked) == 1
    assert answers(path)[0] == Answered("till", "a", "fail")
    assert known.tally.quarantined == 1


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_door_that_refuses_the_caller_ends_the_play(tmp_path: Path, status: int) -> None:
    async with doors(lambda _: httpx.Response(status, json={"detail": "no"}), tmp_path / "journal") as known:
        with pytest.raises(DoorClosed):
            await known.send_events(EVENTS, SENT)
        with pytest.raises(DoorClosed):
            await known.checkout({"checkout_id": "c"})


async def test_a_checkouts_vouchers_are_counted_by_tier_and_journalled(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    vouchers = [{"voucher_id": "v1"}, {"voucher_id": "v2"}]
    door, _ = one_after_the_other(httpx.Response(503), httpx.Response(200, json={"tier": 1, "vouchers": vouchers}))
    async with doors(door, path) as known:
        assert await known.checkout({"checkout_id": "c"}) is not None
    (entry,) = read(path)
    assert isinstance(entry, CheckedOut)
    assert (entry.tier, entry.vouchers) == (1, ("v1", "v2"))
    assert known.tally.vouchers_by_tier == {"1": 2}


async def test_a_refused_redemption_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    refusal = {"status": "refused", "reason": "expired", "given_cents": 0, "lines": []}
    async with doors(lambda _: httpx.Response(200, json=refusal), path) as known:
        await known.redeem({"redemption_id": "r"}, "v1", "uplift")
    assert list(read(path)) == [Redeemed("r", "v1", "fail", 0, "uplift")]
    assert (known.tally.vouchers_redeemed, known.tally.redemptions_refused) == (0, 1)


def an_answered_batch(*effects: str) -> httpx.Response:
    return httpx.Response(200, json={"results": [{"effect": effect, "slug": None} for effect in effects]})


async def test_answers_to_commands_go_many_in_a_request_until_all_of_them_are_heard(tmp_path: Path) -> None:
    given = [{"command_id": f"c{number}"} for number in range(ANSWERS_PER_REQUEST + 1)]
    replies: Iterator[httpx.Response | Exception] = iter(
        [
            httpx.ReadError("cut"),
            httpx.Response(503, text="later"),
            an_answered_batch(*["repeated", "applied", "outdated"]),
            an_answered_batch("applied"),
        ]
    )
    asked: list[list[str]] = []

    def door(request: httpx.Request) -> httpx.Response:
        asked.append([one["command_id"] for one in json.loads(request.content)["acknowledgements"]])
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async with doors(door, tmp_path / "journal") as known:
        assert await known.acknowledge_all(given)
        assert await known.acknowledge_all([])
    names = [one["command_id"] for one in given]
    assert asked == [*[names[:ANSWERS_PER_REQUEST]] * 3, names[ANSWERS_PER_REQUEST:]]


async def test_an_answer_that_is_refused_within_a_batch_is_a_fault(tmp_path: Path) -> None:
    async with doors(lambda _: an_answered_batch("applied", "refused"), tmp_path / "journal") as known:
        with pytest.raises(DoorClosed):
            await known.acknowledge_all([{"command_id": "a"}, {"command_id": "b"}])


async def test_who_hears_nothing_of_a_batch_says_so(tmp_path: Path) -> None:
    def later(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text="later")

    async with doors(later, tmp_path / "journal", patience_seconds=0.1) as known:
        assert not await known.acknowledge_all([{"command_id": "a"}])
