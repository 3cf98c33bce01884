"""Links between items in tables: what is refused, who takes over, what is left of the old one, start-up demand, substitutes."""

from datetime import timedelta
from typing import Any

import numpy as np

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogLink
from tests.support.inventory_events import START, a_count, a_delivery, a_lane, a_sale, an_event, an_item
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

STORES = ("s1", "s2", "s3")
DAYS = 21
HAND_OVER = 14


def a_link(link_id: str, kind: str, item_id: str, *other_ids: str, days: float = -1.0, **more: Any) -> Event:
    body = {"link_id": link_id, "kind": kind, "item_id": item_id, "other_ids": other_ids, **more}
    return an_event(CatalogLink.model_validate(body), f"link-{link_id}-{days}", days)


def superseding(new: str = "new", old: str = "old", **more: Any) -> Event:
    first_day = (START + timedelta(days=HAND_OVER)).date()
    return a_link(f"{new}-{old}", "supersedes", new, old, first_day=first_day, **more)


def a_story(days: int = DAYS, *, item_id: str = "old", stock: int = 60, since: int = 0) -> list[Event]:
    """One item that sells every day in three stores, two others beside it."""
    events = [a_lane(hours=48), *(an_item(one) for one in (item_id, "tea", "salt"))]
    for place, store in enumerate(STORES):
        for one in (item_id, "tea", "salt"):
            events += [a_count(f"c-{one}-{store}", one, str(stock), since, store_id=store)]
        for day in range(since, days):
            bought = {item_id: str(1 + (day + place) % 3), "tea": "2", "salt": "1"}
            events.append(a_sale(f"r-{day}-{store}", bought, day + 0.5, store_id=store))
    return events


async def rows_of(service: RunningInventory, table: str, item_id: str) -> dict[str, Any]:
    (row,) = await service.rows(f"SELECT * FROM {table} WHERE item_id = :item_id", item_id=item_id)  # noqa: S608  # our own names
    return row


async def test_a_link_that_contradicts_others_is_set_aside_with_its_reason(database: Database) -> None:
    async with running_inventory(database) as service:
        circle = [superseding("b", "a", days=-3.0), superseding("c", "b", days=-2.0), superseding("a", "c")]
        batch = await service.apply("ingest.catalog.v1", circle)
        assert [str(letter) for letter in batch.rejected] == [
            "('impossible-link', 'a would in the end supersede itself: a, b, c')"
        ]
        kept = await service.rows("SELECT link_id FROM item_links ORDER BY link_id")
        assert [row["link_id"] for row in kept] == ["b-a", "c-b"]
        await service.take([superseding("b", "a", days=1.0, cancelled=True)])
        assert not (await service.apply("ingest.catalog.v1", [superseding("a", "c", days=2.0)])).rejected


async def test_the_new_item_goes_on_as_if_the_old_one_had_been_renamed(
    database: Database, other_database: Database
) -> None:
    async with running_inventory(database) as service, running_inventory(other_database) as plain:
        await plain.take(a_story())
        await service.take([*a_story(), an_item("new"), superseding()])
        await plain.close(DAYS)
        await service.close(DAYS)
        before, after = await rows_of(plain, "plans", "old"), await rows_of(service, "plans", "new")
        for name in ("rate", "shape", "trigger_milli", "order_up_to_milli", "excess_day", "excess_week", "store_ids"):
            assert before[name] == after[name], name
        pools = [await one.rows("SELECT pooled FROM closes ORDER BY day DESC LIMIT 1") for one in (plain, service)]
        assert pools[0] == pools[1], "each sold unit counts once for the chain"
        old = await rows_of(service, "plans", "old")
        assert (old["successor"], old["trigger_milli"], old["rate"]) == ("new", [0, 0, 0], [0.0, 0.0, 0.0])
        assert (await rows_of(service, "item_learning", "old"))["state"] is None
        left = await service.rows("SELECT on_hand_milli FROM stock WHERE item_id = 'old' ORDER BY store_id")
        assert after["stands_in_milli"] == [row["on_hand_milli"] for row in left]


async def test_what_is_left_of_the_old_item_is_sold_before_the_new_one_is_ordered(
    database: Database, other_database: Database
) -> None:
    story = [event for event in a_story(stock=42) if event.type != "usual.catalog.lane.v1"]
    async with running_inventory(database) as service, running_inventory(other_database) as plain:
        ordered: list[list[tuple[int, str, int]]] = [[], []]
        said = ""
        for place, (one, links) in enumerate(((service, [an_item("new"), superseding()]), (plain, []))):
            await one.take([a_lane(hours=48), *links])
            for day in range(DAYS + 5):
                await one.take([event for event in story if day == max((event.occurred_at - START).days, 0)])
                await one.close(day + 1)
                await one.review(day + 1)
                for command in await one.commands_sent():
                    if command.item_id not in {"old", "new"}:
                        continue
                    if place == 0:
                        assert command.item_id == ("new" if day + 1 >= HAND_OVER else "old")
                        said = said or (command.explanation if command.item_id == "new" else "")
                    ordered[place].append((day, command.store_id, int(command.quantity)))
        assert sorted(ordered[0]) == sorted(ordered[1]), "as much, and when, as of the old one"
        assert " left of old, which it supersedes: " in said


async def test_families_are_closed_together_whatever_the_batches(database: Database, other_database: Database) -> None:
    links = [
        an_item("new"),
        superseding(),
        a_link("teas", "substitutes", "tea", "salt"),
        an_item("aa"),
        a_count("c-aa", "aa", "9", 6.0),
        a_link("look", "looks_like", "aa", "tea", "old", ratio="0.5"),
    ]
    async with running_inventory(database) as one, running_inventory(other_database) as other:
        await one.take([*a_story(), *links])
        await other.take([*a_story(), *links])
        await one.close(DAYS)
        await other.close(DAYS, batch_items=1)
        assert await one.learned() == await other.learned()
        assert await one.rows("SELECT * FROM item_links ORDER BY link_id") == await other.rows(
            "SELECT * FROM item_links ORDER BY link_id"
        )


async def test_a_new_item_begins_with_what_its_look_alike_sells(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([*a_story(), an_item("fresh")])
        await service.take([a_link("look", "looks_like", "fresh", "tea", ratio="0.5")])
        await service.take([a_sale(f"r-{store}", {"fresh": "1"}, DAYS - 0.05, store_id=store) for store in STORES])
        await service.take([a_count(f"c-{store}", "fresh", "5", DAYS - 0.1, store_id=store) for store in STORES])
        await service.close(DAYS)
        tea, fresh = [np.array((await rows_of(service, "plans", one))["rate"]) for one in ("tea", "fresh")]
        assert np.allclose(fresh, tea / 2, rtol=0.2)
        wide, narrow = [(await rows_of(service, "plans", one))["excess_week"] for one in ("fresh", "tea")]
        assert min(wide) > max(narrow)


async def test_substitutes_learn_what_an_empty_shelf_sends_over(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([an_item("tea"), an_item("herbs"), a_link("teas", "substitutes", "tea", "herbs")])
        for store in STORES:
            await service.take(
                [a_count(f"c-{i}-{store}", i, n, 0.0, store_id=store) for i, n in (("tea", "84"), ("herbs", "500"))]
            )
            for day in range(42):
                bought = {"tea": "4", "herbs": "2"} if day < DAYS else {"herbs": "4"}
                await service.take([a_sale(f"r-{day}-{store}", bought, day + 0.5, store_id=store)])
        await service.close(42)
        (link,) = await service.rows("SELECT served, missed FROM item_links")
        assert 0.3 < link["served"] / (link["missed"] + 5) < 0.6, "half of what tea misses is bought as herbs"
        herbs, tea = await rows_of(service, "plans", "herbs"), await rows_of(service, "plans", "tea")
        assert max(herbs["rate"]) < 3.2, "what tea sent over is no demand for herbs"
        assert min(tea["rate"]) > 3, "an empty shelf is no missing demand"
        assert all(0.3 < share < 0.6 for share in tea["served_else"])
        assert herbs["served_else"] == []


async def test_without_links_nothing_is_kept_of_them(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_story(3))
        await service.take([a_delivery("d", "tea", "1", 2.9)])
        await service.close(3)
        assert {row["links"] for row in await service.rows("SELECT links FROM closes")} == {None}
        plan = await rows_of(service, "plans", "tea")
        empty = (plan["predecessor"], plan["stands_in_milli"], plan["successor"], plan["served_else"])
        assert empty == (None, [], None, [])
