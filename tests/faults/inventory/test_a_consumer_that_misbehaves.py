"""An inventory system of its own process that fails, delays, repeats, answers short and is killed: its orders are our commands, one to one.

Always run: a few kills each way. `USUAL_CONSUMER_KILLS=20` runs more, `USUAL_CONSUMER_SEEDS=1,2,3` other moods.
"""

import asyncio
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from libs.common.clock import SystemClock
from tests.support.consumer_lab import API, ENOUGH_SECONDS, WORKER, Consumer, ConsumerLab, Facts, running_lab, send

KILLS = int(os.environ.get("USUAL_CONSUMER_KILLS", "2"))  # noqa: TID251 - the test run's own
SEEDS = [int(seed) for seed in os.environ.get("USUAL_CONSUMER_SEEDS", "7").split(",")]  # noqa: TID251 - the test run's own
ITEMS = [f"i{number:02}" for number in range(12)]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600 + 30 * KILLS)]


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251  # the schedule of faults


async def a_bad_day(lab: ConsumerLab, consumer: Consumer, facts: Facts, random: Random) -> None:
    """Sales go on; now the consumer is killed, now the worker, now inventory's door."""
    for _ in range(KILLS):
        await send(lab, facts.sales(random.randint(1, 4), timedelta(hours=random.randint(1, 20))))
        await wait(random.random() * 1.5)
        victim = random.choice(["consumer", "consumer", "worker", "door"])
        if victim == "consumer":
            await consumer.kill()
            await wait(random.random())
            await consumer.start()
        else:
            process = WORKER if victim == "worker" else API
            await lab.kill(process.name)
            await wait(random.random())
            await lab.start_service(process)


async def counted(lab: ConsumerLab, facts: Facts) -> None:
    """When all sales have reached stock."""
    async with asyncio.timeout(ENOUGH_SECONDS):
        while (await lab.rows(_UNDER_WAY))[0]["sold"] != facts.sold * 1000:
            await wait(0.2)


async def at_rest(lab: ConsumerLab, consumer: Consumer, facts: Facts) -> dict[str, Any]:
    """The consumer's books, when all sales are counted and reviewed, and nothing is under way on either side for a second."""
    quiet: tuple[Any, ...] | None = None
    async with asyncio.timeout(ENOUGH_SECONDS):
        while True:
            state = await consumer.state()
            (found,) = await lab.rows(_UNDER_WAY)
            mark = (found["head"], len(state["orders"]), str(state["moves"]))
            is_counted = found["sold"] == facts.sold * 1000 and not found["touched"]
            under_way = (state["unsaid"], state["open"], found["waiting"], found["unsent"], found["lag"])
            is_idle = is_counted and not any(under_way)
            if is_idle and quiet == mark:
                return state
            quiet = mark if is_idle else None
            await wait(1.0)


_UNDER_WAY = """
    SELECT (SELECT coalesce(max(position), 0) FROM command_log) AS head,
           (SELECT coalesce(sum(sold_milli), 0) FROM stock) AS sold,
           (SELECT count(*) FROM agenda WHERE due_at = '-infinity') AS touched,
           (SELECT count(*) FROM command_log WHERE position IS NULL) + (SELECT count(*) FROM outbox) AS unsent,
           (SELECT count(*) FROM commands WHERE state IN ('proposed', 'approved', 'sent', 'acknowledged', 'amended')) AS waiting,
           (SELECT coalesce(max((SELECT max(position) FROM command_log) - cursor), 0) FROM webhooks) AS lag
"""
_COMMANDS = """
    SELECT command_id, max(version) AS version, (array_agg(quantity_milli ORDER BY log_id DESC))[1] AS quantity_milli,
           (array_agg(item_id))[1] AS item_id, (array_agg(store_id))[1] AS store_id,
           (array_agg(from_store_id ORDER BY log_id DESC))[1] AS from_store_id
    FROM command_log WHERE change = 'sent' GROUP BY command_id ORDER BY command_id
"""


async def the_same_on_both_sides(lab: ConsumerLab, state: dict[str, Any], facts: Facts) -> None:
    """One order a command that was sent, as its last version asks; stock as sales and deliveries leave it."""
    commands = {row["command_id"]: row for row in await lab.rows(_COMMANDS)}
    orders = {order["command_id"]: order for order in state["orders"]}
    assert commands
    assert orders.keys() == commands.keys()
    for command_id, order in orders.items():
        command = commands[command_id]
        assert (order["version"], order["item_id"], order["store_id"], order["from_store_id"]) == (
            command["version"],
            command["item_id"],
            command["store_id"],
            command["from_store_id"],
        )
        assert Decimal(order["quantity"]) * 1000 == command["quantity_milli"]
    moves = {(item, store): Decimal(change) for item, store, change in state["moves"]}
    stock = {(row["item_id"], row["store_id"]): row["on_hand_milli"] for row in await lab.rows("SELECT * FROM stock")}
    assert stock == {place: (left + moves.get(place, 0)) * 1000 for place, left in facts.on_hand.items()}
    received = {row["command_id"]: row["received_milli"] for row in await lab.rows("SELECT * FROM commands")}
    assert {name: Decimal(order["delivered"]) * 1000 for name, order in orders.items()} == {
        name: received[name] for name in orders
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", ["topic", "webhook"])
def test_its_orders_are_our_commands_one_to_one_and_stock_agrees(tmp_path: Path, way: str, seed: int) -> None:
    facts = Facts(SystemClock().now(), ITEMS)

    async def story(lab: ConsumerLab) -> Consumer:
        consumer = Consumer(lab, by_webhook=way == "webhook", seed=seed, folder=tmp_path / "erp")
        if consumer.by_webhook:
            await consumer.subscribe()
        await consumer.start()
        try:
            for day in range(6, 1, -1):
                await send(lab, facts.sales(3, timedelta(days=day)))
            await counted(lab, facts)  # the first plan of a day is kept: it is to know these days
            await send(lab, [*facts.catalogue(), *facts.counts()])
            await a_bad_day(lab, consumer, facts, Random(seed))
            state = await at_rest(lab, consumer, facts)
            await the_same_on_both_sides(lab, state, facts)
        finally:
            await consumer.kill()
        return consumer

    with running_lab(tmp_path / "state") as lab:
        asyncio.run(story(lab))
