"""Reviews on a real database: events in, commands out; a tick that runs again, or is killed in the middle, decides the same."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from libs.common.contracts import Event
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.persistence import OutboxMessage, Timeouts, Transaction, append
from services.inventory.bootstrap import assemble
from services.inventory.bootstrap.roles import reviewer_of
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.ports import InventoryStore
from services.inventory.store import store_of
from tests.support.inventory_events import (
    a_count,
    a_delivery,
    a_lane,
    a_sale,
    a_voucher,
    an_answer,
    an_event,
    an_item,
    at,
)
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.postgres import Database

STORES = ("s1", "s2", "s3")


def a_fortnight(items: int = 12) -> list[Event]:
    """Items that sell about two a day in every store, with stock that is far too much here and far too little there."""
    random = Random(1)
    events = [a_lane(), *(an_item(f"i{number:02}") for number in range(items))]
    for number in range(items):
        for place, store in enumerate(STORES):
            on_hand = (200, 12, 3)[(place + number) % 3]
            events.append(a_count(f"c{number}-{store}", f"i{number:02}", str(on_hand), store_id=store))
    for day in range(4):
        for store in STORES:
            items_sold = {f"i{number:02}": str(random.randint(1, 3)) for number in range(items)}
            events.append(a_sale(f"r{day}-{store}", items_sold, day + 0.5, store_id=store))
    return events


async def test_facts_become_orders_and_transfers_that_make_sense(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        commands = await service.commands_sent()
        reorders = [one for one in commands if isinstance(one, Reorder)]
        reroutes = [one for one in commands if isinstance(one, Reroute)]
        assert reorders
        assert reroutes
        full = {(f"i{number:02}", STORES[-number % 3]) for number in range(12)}
        assert not {(one.item_id, one.store_id) for one in commands} & full, (
            "nothing is sent to a store with far too much"
        )
        assert {(one.item_id, one.from_store_id) for one in reroutes} <= full
        assert {(one.supplier_id, one.lane_id) for one in reorders} == {("supplier", "lane")}
        assert all(one.needed_at == at(6.2) for one in reorders)
        assert all("Without it" in one.explanation and one.version == 1 for one in commands)


async def test_a_tick_that_comes_again_decides_nothing_more(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        state = await service.state()
        await service.commands_sent()
        await service.rows("UPDATE agenda SET due_at = '-infinity' RETURNING 1")
        again = await service.review(4.2)
        assert again["claimed"] == 12
        assert (again["reorder"], again["reroute"]) == (0, 0)
        assert await service.commands_sent() == []
        after = await service.state()
        assert (after["commands"], after["availability"], after["plans"]) == (
            state["commands"],
            state["availability"],
            state["plans"],
        )


class Killed(Exception):
    """The process is gone."""


class Interrupted:
    """A store whose review batch number `batches` is killed just before its transaction would have committed."""

    def __init__(self, batches: int) -> None:
        self._left = batches

    def store_of(self, tx: Transaction) -> InventoryStore:
        store = store_of(tx)

        async def append_or_die(messages: Sequence[OutboxMessage]) -> None:
            await append(tx, messages)
            self._left -= 1
            if self._left == 0:
                raise Killed

        parts = {
            name: getattr(store, name)
            for name in ("catalog", "receipts", "stock", "commands", "log", "reviews", "views")
        }
        return cast("InventoryStore", SimpleNamespace(**parts, append=append_or_die))


async def test_a_review_killed_in_the_middle_and_run_again_decides_what_one_run_decides(
    database: Database, other_database: Database
) -> None:
    async with running_inventory(database) as whole, running_inventory(other_database, review_batch_items=2) as cut:
        for service in (whole, cut):
            await service.take(a_fortnight())
        await whole.review(4.2)
        for batches in (3, 2, 1):
            with pytest.raises(Killed):
                await _killed_in(cut, batches).run(at(4.2))
        await cut.review(4.2)
        assert await cut.state() == await whole.state()
        assert sorted(map(str, await cut.commands_sent())) == sorted(map(str, await whole.commands_sent()))
        (tally,) = await cut.rows("SELECT items, reorders + reroutes AS commands FROM reviews")
        assert tally == {"items": 12, "commands": len(await cut.rows("SELECT 1 FROM commands"))}


def _killed_in(service: RunningInventory, batches: int) -> Reviewer:
    return replace(reviewer_of(service.parts), store_of=Interrupted(batches).store_of)


async def test_goods_that_arrive_by_a_command_close_it_and_are_not_ordered_again(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=3))
        await service.review(4.2)
        for number, command in enumerate(await service.commands_sent()):
            arrived = a_delivery(
                f"d{number}",
                command.item_id,
                str(command.quantity),
                4.4,
                store_id=command.store_id,
                command_id=command.command_id,
            )
            await service.take([arrived])
        rows = await service.rows("SELECT DISTINCT kind, status FROM commands WHERE kind = 'reorder'")
        assert rows == [{"kind": "reorder", "status": "closed"}]
        assert (await service.review(4.5))["reorder"] == 0


async def test_a_short_promise_is_made_up_for_on_the_next_day(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=1))
        await service.review(4.2)
        command = next(one for one in await service.commands_sent() if isinstance(one, Reorder))
        answer = an_answer(command.command_id, command.item_id, "rejected")
        await service.take([an_event(answer, "no", 4.3)])
        assert (await service.review(4.3))["reorder"] == 0
        await service.review(5.05)
        again = [one for one in await service.commands_sent() if one.store_id == command.store_id]
        assert [one.command_id != command.command_id for one in again if isinstance(one, Reorder)] == [True]


async def test_offers_hears_of_an_items_availability_once_per_change(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("milk"), a_count("c1", "milk", "0"), a_count("c2", "milk", "50", store_id="s2")])
        await service.review(0.1)
        await service.take([a_sale("r1", {"milk": "1"}, 0.2, store_id="s2")])
        await service.review(0.3)
        told = "SELECT store_id, status, version FROM availability ORDER BY store_id"
        assert await service.rows(told) == [
            {"store_id": "s1", "status": "none", "version": 1},
            {"store_id": "s2", "status": "plenty", "version": 1},
        ]
        await service.take([a_sale("r2", {"milk": "49"}, 0.4, store_id="s2")])
        await service.review(0.5)
        assert (await service.rows(told))[1] == {"store_id": "s2", "status": "none", "version": 2}


async def test_a_plan_that_was_lost_does_not_tell_offers_the_same_again(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("milk"), a_count("c1", "milk", "5")])
        await service.review(0.1)
        await service.rows("DELETE FROM plans RETURNING 1")
        await service.rows("INSERT INTO agenda VALUES ('milk', '-infinity') RETURNING 1")
        await service.review(0.2)
        assert await service.rows("SELECT status, version FROM availability") == [{"status": "plenty", "version": 1}]


async def test_vouchers_raise_what_is_ordered_for_their_store(database: Database, other_database: Database) -> None:
    orders = []
    async with running_inventory(database) as without, running_inventory(other_database) as with_vouchers:
        for service in (without, with_vouchers):
            await service.take(a_fortnight(items=1))
        await with_vouchers.take([a_voucher(f"w{n}", "i00", days=4.0, ratio="1", store_id="s3") for n in range(20)])
        for service in (without, with_vouchers):
            await service.review(4.2)
            plan = await service.rows("SELECT trigger_milli[3] AS trigger, voucher_units[3] > 8 AS raised FROM plans")
            orders.append(plan[0])
    assert not orders[0]["raised"]
    assert orders[1]["raised"]
    assert orders[1]["trigger"] > orders[0]["trigger"]


async def test_two_reviewers_share_the_agenda_and_decide_each_item_once(database: Database) -> None:
    async with running_inventory(database, review_batch_items=1) as service:
        await service.take(a_fortnight())
        one = service.parts.transactions
        async with one.begin() as tx:
            held = await store_of(tx).reviews.claim(at(4.2), 5)
            done = await service.review(4.2)
            assert (len(held), done["claimed"]) == (5, 7)
        await service.review(4.2)
        rows = await service.rows(
            "SELECT item_id, store_id, kind, count(*) FROM commands GROUP BY 1, 2, 3 HAVING count(*) > 1"
        )
        assert rows == []


async def test_reviewers_that_meet_at_the_first_review_of_a_day_prepare_it_once(database: Database) -> None:
    async with running_inventory(database, review_batch_items=3) as service:
        await service.take(a_fortnight())
        done = await asyncio.gather(*(service.review(4.2) for _ in range(4)))
        assert sum(one["claimed"] for one in done) == 12
        assert len(await service.commands_sent()) == len(await service.rows("SELECT 1 FROM commands"))


async def test_what_is_touched_behind_the_batches_waits_for_the_next_review(database: Database) -> None:
    """Or what a review decides would depend on how fast its first commands are answered."""
    async with running_inventory(database, review_batch_items=1) as service:
        await service.take(a_fortnight())

        async def an_answer_comes(_: int) -> None:
            await service.rows(
                "INSERT INTO agenda VALUES ('i00', '-infinity') ON CONFLICT (item_id) DO UPDATE SET due_at = '-infinity' RETURNING 1"
            )

        done = await reviewer_of(service.parts).run(at(4.2), an_answer_comes)
        assert done["claimed"] == 12
        touched = await service.rows("SELECT item_id FROM agenda WHERE due_at = '-infinity'")
        assert touched == [{"item_id": "i00"}]


@pytest.mark.parametrize("mistyped", [1, 30])
async def test_a_billion_sold_by_mistake_stops_no_review(database: Database, mistyped: int) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.close(4.2)
        await service.review(4.2)
        await service.take([a_sale(f"typo-{number}", {"i00": "1000000000"}, 4.3) for number in range(mistyped)])
        for days in (5.2, 6.2):
            await service.close(days)
            assert (await service.review(days))["claimed"] > 0
        asked = [one for one in await service.commands_sent() if isinstance(one, Reorder) and one.item_id == "i00"]
        assert max(one.quantity for one in asked) <= 10**9


async def test_a_new_day_is_prepared_however_long_that_takes(database: Database) -> None:
    slow = """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END';
              CREATE TRIGGER slow BEFORE INSERT ON category_levels FOR EACH STATEMENT EXECUTE FUNCTION slow()"""
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=1))
        for statement in slow.split(";\n"):
            async with service.parts.transactions.begin() as tx:
                await tx.connection.exec_driver_sql(statement)
        limits = replace(Timeouts.worker(), statement_ms=2_000)
        parts = assemble(settings_for(database), "worker", timeouts=limits)
        assert (await reviewer_of(parts).run(at(4.2)))["claimed"] == 1
        await parts.engine.dispose()


async def test_tallies_of_reviews_are_forgotten_with_what_they_were_made_of(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=1))
        for days in (1.5, 4.2, 4.3):
            await service.take([a_sale(f"touched-{days}", {"i00": "1"}, days)])
            await service.review(days)
        tallies = "SELECT reached_at FROM reviews ORDER BY 1"
        assert [row["reached_at"] for row in await service.rows(tallies)] == [at(1.5), at(4.2), at(4.3)]
        await service.review(86.1)
        kept = [row["reached_at"] for row in await service.rows(tallies)]
        assert kept == [at(4.2), at(4.3), at(86.1)]
