"""Offers and inventory side by side on one broker: vouchers raise forecasts, and what will not be there is not offered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from libs.common.clock import SystemClock
from libs.common.contracts import TOPIC_OF_TYPE, TOPICS, Event
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Sale
from libs.common.contracts.profile import ProfileCompleted
from libs.common.contracts.stock import StockCounted
from libs.common.contracts.values import ReceiptLine
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, ensure_topics, run_until_stopped
from services.inventory.bootstrap import assemble as inventory_parts
from services.inventory.bootstrap import worker_of as inventory_worker
from services.inventory.bootstrap.roles import desk_of
from services.inventory.domain.stock.shelves import day_of
from services.inventory.handlers.desk import Forecast
from services.offers.bootstrap import assemble as offers_parts
from services.offers.bootstrap import migrate
from services.offers.bootstrap import worker_of as offers_worker
from tests.support.brokers import Broker
from tests.support.inventory_running import RunningInventory, migrated, settings_for
from tests.support.offers_facts import ITEMS, NOW, STORES, a_campaign, a_model, a_snapshot, an_event, card, catalogue
from tests.support.offers_running import Till, next_id, open_till, settings_of
from tests.support.postgres import Database

DAY = timedelta(days=1)
WAIT_SECONDS = 120
NEXT_NIGHT = NOW.replace(hour=0) + DAY


async def a_moment() -> None:
    """A tenth of a second."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 0.1)


@dataclass(frozen=True)
class Chain:
    """Both services at work, a till, and what tests ask."""

    till: Till
    inventory: RunningInventory
    settings: Any

    async def send(self, events: Sequence[Event]) -> None:
        producer = Producer(self.settings.stream("test"))
        assert set(await producer.send_many([OutboxMessage.of(one, TOPIC_OF_TYPE[one.type]) for one in events])) == {
            None
        }
        await producer.stop()

    async def tick(self, at: datetime) -> None:
        await self.send([an_event(PlayTicked(reached_at=at), f"tick-{at.isoformat()}", at)])

    async def until(self, sql: str, **parameters: Any) -> None:
        """Wait until inventory's tables say so."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not next(iter((await self.inventory.rows(sql, **parameters))[0].values())):
                await a_moment()

    async def until_there(self, store_id: str, item_ids: set[str], *, there: bool) -> None:
        """Wait until offers was told that these are there, or not."""
        wanted = dict.fromkeys(item_ids, there)
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                rows = await self.till.rows("SELECT store_id, item_id, there FROM availability")
                known = {row["item_id"]: row["there"] for row in rows if row["store_id"] == store_id}
                if {item_id: known.get(item_id) for item_id in item_ids} == wanted:
                    return
                await a_moment()

    async def offered(self, store_id: str) -> list[dict[str, Any]]:
        """The vouchers of a personal answer."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                checkout = next_id(f"meets-{store_id}")
                answer = await self.till.checkout(
                    checkout, store_id=store_id, customer=card(77).model_dump(mode="json"), occurred_at=NOW.isoformat()
                )
                if answer["tier"] == 0 and answer["vouchers"]:
                    return list(answer["vouchers"])
                await a_moment()

    async def items_of(self, vouchers: Sequence[dict[str, Any]]) -> set[str]:
        ids = ", ".join(f"'{one['voucher_id']}'" for one in vouchers)
        rows = await self.till.rows(f"SELECT item_ids FROM vouchers WHERE voucher_id IN ({ids})")  # noqa: S608  # ids of ours
        return {item_id for row in rows for item_id in row["item_ids"]}

    async def expected(self, store_id: str) -> set[str]:
        """The items of an answer's vouchers, of which inventory expects to sell something.

        An answer may be drawn of which nothing is expected: the chance of what is explored is rounded to nothing. Then the next is.
        """
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                printed = await self.offered(store_id)
                items, ids = await self.items_of(printed), [one["voucher_id"] for one in printed]
                await self.until(
                    "SELECT count(*) = :count FROM vouchers WHERE voucher_id = ANY(:ids)", count=len(ids), ids=ids
                )
                found = "SELECT DISTINCT item_id FROM voucher_demand WHERE vouchers > 0 AND item_id = ANY(:ids)"
                if items and {row["item_id"] for row in await self.inventory.rows(found, ids=sorted(items))} == items:
                    return items

    async def forecast(self, item_id: str, store_id: str) -> Forecast:
        (found,) = await desk_of(self.inventory.parts).forecasts(item_id, store_id)
        return found


@asynccontextmanager
async def a_chain(database: Database, broker: Broker, folder: Path) -> AsyncIterator[Chain]:
    """Everything runs, nothing is known yet."""
    streaming: dict[str, Any] = {"kafka_bootstrap": broker.bootstrap, "kafka_idempotence": broker.idempotence}
    offers = settings_of(database, folder / "none.json", play_mode=True, **streaming)
    inventory = settings_for(database, reroute=False, **streaming)
    await migrate(offers)
    await migrated(inventory)
    topics = [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
    await ensure_topics(offers.stream("test"), topics)
    stop = asyncio.Event()
    parts = inventory_parts(inventory, "worker")
    workers = [
        asyncio.create_task(run_until_stopped(offers_worker(offers_parts(offers, "worker")), stop)),
        asyncio.create_task(run_until_stopped(inventory_worker(inventory_parts(inventory, "worker")), stop)),
    ]
    try:
        async with open_till(database, folder, play_mode=True) as till:
            yield Chain(till, RunningInventory(parts), offers)
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*workers), 120)
        await parts.engine.dispose()


def counts(units: int) -> list[Event]:
    begin = NOW - 10 * DAY
    return [
        an_event(
            StockCounted(store_id=store_id, item_id=item_id, on_hand=Decimal(units)), f"c-{store_id}-{item_id}", begin
        )
        for store_id in STORES
        for item_id in ITEMS
    ]


def a_sale(receipt_id: str, store_id: str, items: Sequence[str], units: int, at: datetime) -> Event:
    lines = tuple(
        ReceiptLine(line_no=place, item_id=item_id, quantity=Decimal(units), amount_cents=250 * units)
        for place, item_id in enumerate(items, 1)
    )
    body = Sale(
        receipt_id=receipt_id, store_id=store_id, currency="USD", lines=lines, total_cents=250 * units * len(lines)
    )
    return an_event(body, f"sale-{receipt_id}", at)


def a_late_answer(order: dict[str, Any], at: datetime) -> Event:
    body = Acknowledged(
        command_id=order["command_id"],
        version=order["version"],
        item_id=order["item_id"],
        status=AcknowledgementStatus.AMENDED,
        quantity=Decimal(100),
        expected_at=at + 30 * DAY,
    )
    return an_event(body, f"late-{order['command_id']}", at)


async def opened(chain: Chain) -> None:
    """A stocked chain that sold a little every day, with a campaign and a customer."""
    await chain.send([*catalogue(), *counts(40)])
    sales = [
        a_sale(f"r-{ahead}-{store_id}", store_id, sorted(ITEMS), 1, NOW - ahead * DAY)
        for ahead in range(1, 8)
        for store_id in STORES
    ]
    await chain.send(sales)
    moved = len(ITEMS) * len(STORES) * 7
    await chain.until("SELECT count(*) = :moved FROM movements WHERE sold_milli > 0", moved=moved)
    await chain.tick(NOW - timedelta(hours=1))
    await chain.send([a_model(77), a_snapshot(77)])
    await chain.send([an_event(ProfileCompleted(complete_until=SystemClock().now()), next_id("complete"))])
    for store_id in STORES:
        await chain.until_there(store_id, set(ITEMS), there=True)
    campaign = a_campaign(validity_days=6).model_dump(mode="json")
    assert (await chain.till.client.put("/v1/campaigns/usual", json=campaign)).is_success
    chain.till.clock.move(max(timedelta(0), SystemClock().now() - chain.till.clock.now()))


async def test_vouchers_raise_the_forecast_on_their_days_in_their_store_and_what_is_gone_is_not_offered(
    database: Database, private_broker: Broker, tmp_path: Path
) -> None:
    async with a_chain(database, private_broker, tmp_path) as chain:
        await opened(chain)
        items = await chain.expected("store-1")
        await chain.tick(NEXT_NIGHT)
        await chain.until("SELECT count(*) = 1 FROM closes WHERE done AND day = :day", day=day_of(NOW))
        await the_forecast_is_raised(chain, min(items))
        await the_item_is_no_longer_offered(chain, items)


async def the_forecast_is_raised(chain: Chain, item_id: str) -> None:
    here, there = await chain.forecast(item_id, "store-1"), await chain.forecast(item_id, "store-2")
    (window,) = await chain.inventory.rows(
        f"SELECT min(first_day) AS first, max(last_day) AS last FROM voucher_demand WHERE item_id = '{item_id}'"  # noqa: S608
    )
    raised = {one.day for one in here.days if one.vouchers > 0}
    assert raised == {one.day for one in here.days if window["first"] <= one.day <= window["last"]}
    assert 0 < len(raised) < len(here.days)
    assert not any(one.vouchers for one in there.days)
    assert here.voucher_units > 0
    assert there.voucher_units == 0


async def the_item_is_no_longer_offered(chain: Chain, items: set[str]) -> None:
    """All that the voucher was for is sold out in its store, and its supplier names a day after the voucher's last."""
    later = NEXT_NIGHT + timedelta(hours=9)
    await chain.send([a_sale("all-of-it", "store-1", sorted(items), 33, later)])
    gone = "SELECT bool_and(on_hand_milli <= 0) FROM stock WHERE store_id = 'store-1' AND item_id = ANY(:items)"
    await chain.until(gone, items=sorted(items))
    await chain.tick(later + timedelta(minutes=1))
    ordered = "SELECT count(DISTINCT item_id) = :items FROM commands WHERE store_id = 'store-1' AND item_id = ANY(:of)"
    await chain.until(ordered, items=len(items), of=sorted(items))
    orders = await chain.inventory.rows("SELECT command_id, item_id, version FROM commands WHERE kind = 'reorder'")
    await chain.send([a_late_answer(order, later + timedelta(minutes=2)) for order in orders])
    await chain.until("SELECT bool_and(status = 'amended') FROM commands WHERE kind = 'reorder'")
    await chain.tick(later + timedelta(minutes=3))
    await chain.until_there("store-1", items, there=False)
    assert not items & await chain.items_of(await chain.offered("store-1"))
    await chain.until_there("store-2", items, there=True)
