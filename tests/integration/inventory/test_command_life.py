"""A command's life on a real database: answers and goods twice, out of order and late; refusals, time-outs, the log."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogLane
from libs.common.contracts.inventory import CommandEscalated, Reorder, Reroute
from libs.common.contracts.stock import MovementReason, StockMoved
from services.inventory.domain.commands.changes import Change, What
from services.inventory.ports import LogFilter
from services.inventory.store import store_of
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import a_delivery, an_answer, an_event, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

EVERYTHING = LogFilter()
STATES = "SELECT command_id, state, promised_milli, shipped_milli, received_milli, version FROM commands ORDER BY 1"


def a_lane(lane_id: str, rank: int) -> Event:
    lane = CatalogLane(lane_id=lane_id, supplier_id=f"of-{lane_id}", store_id="*", lead_time_hours=48 + rank, rank=rank)
    return an_event(lane, f"lane-{lane_id}", -1.0)


def a_story(command: Reorder | Reroute, number: int) -> list[Event]:
    """All that is said of one command until it is done: agreed to in part, shipped, moved, received."""
    name, item_id = command.command_id, command.item_id
    half = str(max(int(command.quantity) // 2, 1))
    answers = [an_answer(name, item_id, "amended", quantity=half), an_answer(name, item_id, "shipped")]
    answers.append(an_answer(name, item_id, "received", quantity=half))
    told = [an_event(answer, f"{number}-{answer.status}", 4.3) for answer in answers]
    told.append(a_delivery(f"{number}-in", item_id, half, 4.4, store_id=command.store_id, command_id=name))
    if isinstance(command, Reroute):
        left = StockMoved(
            store_id=command.from_store_id, item_id=item_id, change=-int(half), reason=MovementReason.TRANSFER_OUT,
            command_id=name,
        )  # fmt: skip
        told.append(an_event(left, f"{number}-out", 4.35))
    return told


async def tell(service: RunningInventory, events: Sequence[Event], random: Random) -> None:
    """Each event up to three times, in any order, in batches of any size."""
    told = [event for event in events for _ in range(random.randint(1, 3))]
    random.shuffle(told)
    while told:
        size = random.randint(1, 12)
        await service.take(told[:size])
        told = told[size:]


async def log_of(service: RunningInventory) -> list[Change]:
    async with service.parts.transactions.begin() as tx:
        while await store_of(tx).log.number():
            continue
        page = await store_of(tx).log.read(0, EVERYTHING, 10_000)
    assert [entry.position for entry in page.entries] == sorted({entry.position for entry in page.entries})
    return [entry.change for entry in page.entries]


@pytest.mark.parametrize("seed", [1, 2])
async def test_answers_and_goods_told_twice_and_out_of_order_leave_what_one_telling_in_order_leaves(
    database: Database, other_database: Database, seed: int
) -> None:
    async with running_inventory(database) as straight, running_inventory(other_database) as mixed:
        for service in (straight, mixed):
            await service.take(a_fortnight())
            await service.review(4.2)
        stories = [event for number, one in enumerate(await mixed.commands_sent()) for event in a_story(one, number)]
        for event in stories:
            await straight.take([event])
        await tell(mixed, stories, Random(seed))
        assert await mixed.rows(STATES) == await straight.rows(STATES)
        assert {row["state"] for row in await mixed.rows(STATES)} == {"closed"}
        assert await mixed.shelves() == await straight.shelves()
        async with mixed.parts.transactions.begin() as tx:
            stock = await store_of(tx).views.stock(None, None, ("", ""), 1_000)
        assert {(one.on_order_milli, one.in_transit_milli, one.reserved_milli) for one in stock} == {(0, 0, 0)}


async def test_an_answer_that_comes_when_its_command_has_expired_says_nothing_and_goods_that_come_still_count(
    database: Database,
) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        order = next(one for one in await service.commands_sent() if isinstance(one, Reorder))
        await service.review(6.3)
        state = f"SELECT state FROM commands WHERE command_id = '{order.command_id}'"  # noqa: S608  # an id of ours
        assert await service.rows(state) == [{"state": "expired"}]
        await service.take([an_event(an_answer(order.command_id, order.item_id), "late", 6.4)])
        assert await service.rows(state) == [{"state": "expired"}]
        arrived = a_delivery(
            "in", order.item_id, str(order.quantity), 6.5, store_id=order.store_id, command_id=order.command_id
        )
        await service.take([arrived])
        assert await service.rows(state) == [{"state": "closed"}]


async def test_an_answer_whose_transaction_dies_has_not_been_given_and_may_be_given_again(database: Database) -> None:
    class Killed(Exception):
        pass

    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        command = (await service.commands_sent())[0]
        before = (await service.rows(STATES), len(await log_of(service)))
        answer = an_event(an_answer(command.command_id, command.item_id, "rejected"), "no", 4.3)
        transactions = service.parts.transactions

        async def doomed() -> None:
            async with transactions.shared():
                await service.apply("inventory.acknowledgements.v1", [answer])
                raise Killed

        with pytest.raises(Killed):
            await doomed()
        assert (await service.rows(STATES), len(await log_of(service))) == before
        for _ in range(2):
            await service.apply("inventory.acknowledgements.v1", [answer])
        answered = [change for change in await log_of(service) if change.what is What.ANSWERED]
        assert [(one.command.command_id, one.command.status.word) for one in answered] == [
            (command.command_id, "rejected")
        ]


async def test_a_no_is_asked_of_the_next_lane_at_the_next_review_and_that_nobody_is_left_is_said_aloud(
    database: Database,
) -> None:
    async with running_inventory(database) as service:
        await service.take([*a_fortnight(items=1), a_lane("second", 1), a_lane("third", 2)])
        await service.rows("UPDATE lanes SET rank = 0 WHERE lane_id = 'lane' RETURNING 1")
        await service.review(4.2)
        orders = [one for one in await service.commands_sent() if isinstance(one, Reorder)]
        where = orders[0].store_id
        asked = [one.lane_id for one in orders if one.store_id == where]
        command = next(one for one in orders if one.store_id == where)
        for number in range(3):
            minutes = 4.2 + (number + 1) / 1440
            no = an_answer(command.command_id, command.item_id, "rejected", version=command.version)
            await service.take([an_event(no, f"no-{number}", minutes)])
            await service.review(minutes + 0.0001)
            said = [event.data for event in await service.sent("inventory.commands.v1")]
            found = [one for one in said if isinstance(one, Reorder) and one.store_id == where]
            if found:
                (command,) = found
                asked.append(command.lane_id)
        assert asked == ["lane", "second", "third"]
        (alarm,) = [one for one in said if isinstance(one, CommandEscalated)]
        assert (alarm.alarm, alarm.command_id) == ("no-source", command.command_id)
        again = await service.review(4.21)
        assert (again["reorder"], again["escalated"]) == (0, 0)


async def test_silence_sends_again_then_calls_somebody_then_ends_and_each_is_heard_once(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=3))
        await service.review(4.2)
        first = await service.sent("inventory.commands.v1")
        heard: list[Event] = []
        for tick in range(1, 60):
            await service.review(4.2 + tick / 24)
            heard += await service.sent("inventory.commands.v1")
        for event in first:
            of_it = [one for one in heard if one.data.command_id == event.data.command_id and one.data.version == 1]  # type: ignore[attr-defined]
            assert [type(one.data) for one in of_it] == [type(event.data), CommandEscalated]
            assert of_it[0].data == event.data, "what is sent again asks for the same"
            assert of_it[0].id == f"{event.id}:2"
            assert of_it[1].data.alarm == "unanswered"  # type: ignore[attr-defined]
        assert len({event.id for event in heard}) == len(heard)
        ended = await service.rows("SELECT DISTINCT state FROM commands WHERE decided_at < '2031-03-07 06:00+00'")
        assert ended == [{"state": "expired"}]


async def test_the_log_tells_every_version_that_was_sent_and_who_did_what(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        sent = await service.commands_sent()
        await tell(service, [event for number, one in enumerate(sent) for event in a_story(one, number)], Random(5))
        changes = await log_of(service)
        told = {(one.command.command_id, one.command.version) for one in changes if one.what is What.SENT}
        assert told == {(one.command_id, one.version) for one in sent}
        assert {one.actor for one in changes} == {"rule:none", "topic", "stock"}
        newest = {one.command.command_id: one.command for one in changes}
        rows = {row["command_id"]: row for row in await service.rows(STATES)}
        for name, command in newest.items():
            assert (command.status.word, command.received_milli) == (rows[name]["state"], rows[name]["received_milli"])
            assert command.explanation


async def test_a_reader_of_the_log_misses_nothing_when_writers_commit_out_of_order(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=1))
        await service.review(4.2)
        first, *_ = await log_of(service)
        transactions = service.parts.transactions
        seen: list[int] = []

        async def read() -> None:
            async with transactions.begin() as tx:
                await store_of(tx).log.number()
            async with transactions.begin() as tx:
                page = await store_of(tx).log.read(cursor[0], EVERYTHING, 100)
            seen.extend(entry.change.command.version for entry in page.entries)
            cursor[0] = page.reached

        async with transactions.begin() as tx:
            cursor = [(await store_of(tx).log.ends())[1]]
        async with transactions.begin() as slow:
            await store_of(slow).log.add([replace(first, command=replace(first.command, version=91))])
            async with transactions.begin() as quick:
                await store_of(quick).log.add([replace(first, command=replace(first.command, version=92))])
            await read()
            assert seen == [92]
        await read()
        assert seen == [92, 91]


async def test_two_that_number_take_turns(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        transactions = service.parts.transactions

        async def number() -> int:
            async with transactions.begin() as tx:
                return await store_of(tx).log.number()

        async with transactions.begin() as first:
            assert await store_of(first).log.number() > 0
            second = asyncio.create_task(number())
            done, _ = await asyncio.wait({second}, timeout=0.3)
            assert not done
        assert await second == 0


async def test_a_reader_goes_on_from_its_cursor_past_what_its_filter_left_out(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        whole = await log_of(service)
        wanted = LogFilter(kind="reroute")
        found: list[str] = []
        cursor, pages = 0, 0
        async with service.parts.transactions.begin() as tx:
            _, head = await store_of(tx).log.ends()
            while cursor < head:
                page = await store_of(tx).log.read(cursor, wanted, 3)
                found += [entry.change.command.command_id for entry in page.entries]
                assert page.reached > cursor
                cursor, pages = page.reached, pages + 1
        assert found == [one.command.command_id for one in whole if one.command.kind == "reroute"]
        assert pages == len(found) // 3 + 1


async def test_the_release_before_reads_only_words_that_it_knows(database: Database) -> None:
    async with running_inventory(database, approve_everything=False) as service:
        await service.take(a_fortnight())
        await service.rows("UPDATE items SET price_cents = 90000 RETURNING 1")
        await service.review(4.2)
        assert await service.rows("SELECT DISTINCT status, state FROM commands ORDER BY 2") == [
            {"status": "sent", "state": "proposed"}
        ]
        assert await service.commands_sent() == []
        await service.review(7.0)
        rows: Any = await service.rows("SELECT DISTINCT status FROM commands WHERE decided_at < '2031-03-08'")
        assert rows == [{"status": "expired"}]


async def test_history_is_forgotten_after_its_time_and_no_other(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        kept = len(await log_of(service))
        async with service.parts.transactions.begin() as tx:
            assert await store_of(tx).log.forget(at(4.2), 100) == 0
            assert await store_of(tx).log.forget(at(4.3), 1) == 1
            assert await store_of(tx).log.forget(at(4.3), 100) == kept - 1
