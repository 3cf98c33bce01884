"""What a close leaves off the agenda, on a real database: the same is asked for and told as when everything is reviewed."""

from collections.abc import Collection
from dataclasses import replace
from random import Random
from typing import Any, cast

from libs.common.contracts import Event
from libs.common.persistence import Transaction
from services.inventory.bootstrap.roles import closer_of
from services.inventory.ports import InventoryStore
from services.inventory.store import store_of
from tests.support.inventory_events import a_count, a_delivery, a_lane, a_sale, an_answer, an_event, an_item, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

ITEMS = [f"i{number:02}" for number in range(24)]
STORES = ("s1", "s2", "s3")


def keeps_all_on_the_agenda(tx: Transaction) -> InventoryStore:
    found = store_of(tx)

    async def rest(item_ids: Collection[str], today: int) -> None:
        assert today >= 0, item_ids

    reviews = cast("Any", found.reviews)
    reviews.rest = rest
    return found


def the_stage() -> list[Event]:
    """Dear and cheap items, well stocked and hardly stocked."""
    random = Random(2)
    events = [a_lane(hours=30), *(an_item(item, price_cents=random.choice([60, 900])) for item in ITEMS)]
    events += [
        a_count(f"c-{item}-{store}", item, str(random.choice([0, 1, 3, 40])), store_id=store)
        for item in ITEMS
        for store in STORES
    ]
    return events


def sales(day: int) -> list[Event]:
    random = Random(day + 100)
    return [
        a_sale(
            f"r-{day}-{store}",
            {item: "1" for item in ITEMS if random.random() < 0.2 or item == "i00"},
            day + 0.5,
            store_id=store,
        )
        for store in STORES
    ]


async def one_day(service: RunningInventory, day: int, *, rests: bool) -> int:
    """Sales, the close and the review of a day, and half of its answers; how many items the review looked at."""
    await service.take(sales(day))
    await service.close(day + 1, store_of=store_of if rests else keeps_all_on_the_agenda)
    done = await service.review(day + 1)
    asked = sorted({command.command_id: command for command in await service.commands_sent()}.items())
    answers = [an_answer(name, command.item_id, version=command.version) for name, command in asked[::2]]
    await service.take([an_event(one, f"yes-{one.command_id}-{one.version}", day + 1.1) for one in answers])
    if day == 3:  # a shelf that the plan does not know
        await service.take([a_delivery("new", ITEMS[0], "2", day + 1.2, store_id="s4")])
    return done["claimed"]


async def test_what_rests_would_have_come_to_nothing(database: Database, other_database: Database) -> None:
    async with running_inventory(database) as chosen, running_inventory(other_database) as whole:
        for service in (chosen, whole):
            await service.take(the_stage())
            await service.review(0.1)
        looked_at = {"chosen": 0, "whole": 0}
        for day in range(8):
            looked_at["chosen"] += await one_day(chosen, day, rests=True)
            looked_at["whole"] += await one_day(whole, day, rests=False)
            assert await chosen.state() == await whole.state(), f"day {day}"
        assert await chosen.learned() == await whole.learned()
        assert await chosen.open_commands(), "something is asked for"
        assert looked_at["whole"] - looked_at["chosen"] > 80


async def test_what_is_touched_after_the_close_is_reviewed(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([a_lane(), an_item("milk"), a_count("c", "milk", "40")])
        await service.review(0.1)
        await service.take([a_sale("r", {"milk": "2"}, 0.5)])
        await service.close(1.0)
        assert not await service.rows("SELECT 1 FROM agenda")
        await service.take([a_sale("late", {"milk": "38"}, 0.9)])
        await service.review(1.0)
        assert [one.item_id for one in await service.commands_sent()] == ["milk"]


async def test_items_with_commands_or_shelves_that_their_plan_does_not_know_stay_on_the_agenda(
    database: Database,
) -> None:
    async with running_inventory(database) as service:
        names = ["asked", "grows", "still"]
        await service.take([a_lane(), *(an_item(name) for name in names)])
        await service.take([a_count(name, name, "0" if name == "asked" else "40", store_id="s1") for name in names])
        await service.take([a_sale("r", dict.fromkeys(names, "3"), 0.5)])
        await service.review(1.0)
        await service.close(1.0)
        await service.review(1.0)
        await service.take([a_sale("r2", dict.fromkeys(names, "1"), 1.5)])
        await service.take([a_delivery("d", "asked", "90", 1.6), a_count("new", "grows", "5", 2.0, store_id="s2")])
        await service.close(2.0)
        assert [row["item_id"] for row in await service.rows("SELECT item_id FROM agenda ORDER BY 1")] == [
            "asked",
            "grows",
        ]


async def test_a_close_that_is_late_by_days_leaves_everything_to_the_review(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([a_lane(), an_item("milk"), a_count("c", "milk", "40")])
        await service.review(0.1)
        await service.take([a_sale("r", {"milk": "2"}, 0.5)])
        closer = closer_of(service.parts)
        assert await replace(closer).run(at(2.5), grace=at(1.0) - at(0.0)) == 1
        assert len(await service.rows("SELECT 1 FROM agenda")) == 1
