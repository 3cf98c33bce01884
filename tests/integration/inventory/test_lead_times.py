"""Lead times on a real database: deliveries are counted as they come, learned at the close, and raise what is kept."""

from collections.abc import Sequence

from libs.common.contracts import Event
from libs.common.contracts.inventory import Reorder
from services.inventory.domain.stock.shelves import day_of
from services.inventory.store import store_of
from tests.support.inventory_events import a_count, a_delivery, a_lane, a_sale, an_answer, an_event, an_item, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

ITEMS = [f"i{number}" for number in range(4)]
DAYS = 24


def sales(day: int) -> Sequence[Event]:
    return [a_sale(f"r{day}-{hour}", dict.fromkeys(ITEMS, "2"), day + hour / 24) for hour in (10, 13, 16)]


async def lived(service: RunningInventory, late_days: float) -> None:
    """Orders are delivered so much later than they were due, for some weeks."""
    counts = [a_count(f"c-{item}", item, "30") for item in ITEMS]
    await service.take([a_lane(hours=24), *(an_item(item) for item in ITEMS), *counts])
    coming: list[tuple[float, Event]] = []
    for day in range(DAYS):
        due = [event for when, event in coming if when < day + 1]
        coming = [one for one in coming if one[0] >= day + 1]
        await service.take([*sales(day), *due])
        await service.close(day + 1.05)
        await service.review(day + 1.05)
        for one in await service.commands_sent():
            if isinstance(one, Reorder) and one.version == 1:
                when = (one.needed_at - at(0)).total_seconds() / 86_400 + late_days
                name = f"d-{one.command_id}"
                event = a_delivery(name, one.item_id, str(one.quantity), when, command_id=one.command_id)
                coming.append((when, event))


async def leads(service: RunningInventory) -> dict[str, tuple[float, float]]:
    async with service.parts.transactions.begin() as tx:
        found = await store_of(tx).lead_times.latest()
    return {lane_id: (lead.late_days, lead.late_ratio) for lane_id, lead in found.items()}


async def test_a_lane_that_is_late_is_learned_and_more_is_kept(database: Database, other_database: Database) -> None:
    async with running_inventory(database) as punctual, running_inventory(other_database) as late:
        await lived(punctual, 0.0)
        await lived(late, 2.0)
        assert await leads(punctual) == {"lane": (0.0, 0.0)}
        late_days, late_ratio = (await leads(late))["lane"]
        assert 1.0 < late_days <= 2.2
        assert late_ratio > 0.5

        async def kept(service: RunningInventory) -> int:
            rows = await service.rows(
                "SELECT sum(trigger) AS units FROM (SELECT unnest(trigger_milli) AS trigger FROM plans) AS all_of"
            )
            return int(rows[0]["units"])

        assert await kept(late) > await kept(punctual)


async def test_a_delivery_that_is_told_twice_counts_once(database: Database) -> None:
    async with running_inventory(database) as service:
        await lived(service, 0.0)
        before = await service.rows("SELECT sum(lines)::bigint AS lines FROM lane_arrivals")
        rows = await service.rows(
            "SELECT command_id, item_id FROM commands WHERE kind = 'reorder' AND received_milli > 0 LIMIT 1"
        )
        name, item_id = str(rows[0]["command_id"]), str(rows[0]["item_id"])
        again = a_delivery(f"d-{name}", item_id, "3", 20.0, command_id=name)
        await service.take([again])
        assert await service.rows("SELECT sum(lines)::bigint AS lines FROM lane_arrivals") == before


async def test_an_order_is_late_from_its_due_day_until_it_or_a_later_one_comes(database: Database) -> None:
    async with running_inventory(database) as service:
        await lived(service, 0.0)
        rows = await service.rows(
            "SELECT command_id, item_id, needed_at FROM commands WHERE kind = 'reorder' AND received_milli = 0 ORDER BY needed_at"
        )
        due_day = day_of(rows[0]["needed_at"])
        named = {(row["item_id"], day_of(row["needed_at"]) - due_day): str(row["command_id"]) for row in rows}
        assert set(named) == {(item_id, after) for item_id in ITEMS for after in (0, 1)}
        answers = [an_answer(name, item_id) for (item_id, _), name in named.items()]
        await service.take([an_event(one, f"a-{one.command_id}", DAYS + 0.1) for one in answers])

        async def late(day: int) -> dict[str, tuple[int, int]]:
            async with service.parts.transactions.begin() as tx:
                found = await store_of(tx).closing.late_orders(ITEMS, day)
            return {one.item_id: (day_of(one.needed_at), day_of(one.expected_at)) for one in found}

        async def comes(item_id: str, after: int) -> None:
            name = named[item_id, after]
            await service.take([a_delivery(f"d-{name}", item_id, "3", DAYS + 1.5, command_id=name)])

        assert await late(due_day - 1) == {}
        assert await late(due_day) == dict.fromkeys(ITEMS, (due_day, due_day + 1))
        await comes("i0", 0)
        await comes("i1", 1)
        assert await late(due_day) == dict.fromkeys(["i2", "i3"], (due_day, due_day + 1))
