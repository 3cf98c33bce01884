"""The cable of six lanes is pulled for a day; then their journals come in, in any order and with repeats, at a door that is killed again and again.

Exposure stays within the bound that was shown before, nothing is redeemed twice in the books, every conflict is listed.
`USUAL_LANES_SEED` plays another day, `USUAL_LANES_VOUCHERS` a longer one, `USUAL_LANES_KILLS` a worse night.
"""

import asyncio
import logging
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from libs.common.contracts.pos import Return, Void
from libs.common.contracts.values import ReceiptLine
from libs.common.http.credentials import new_key, write_credentials
from libs.tills.verify_voucher import Refused
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Account, Move, Transfer
from services.offers.handlers.feeds import on_receipts
from services.offers.handlers.vouchers.expiry import expire_vouchers
from tests.support.offers_door import CREDENTIALS, PORT
from tests.support.offers_facts import NOW, STORES, a_snapshot, an_event
from tests.support.offers_running import SCOPES, Till, open_till, tell_world
from tests.support.offline_lanes import Lane, an_offline_campaign, keys_of
from tests.support.postgres import Database

pytestmark = pytest.mark.faults

HOUR = timedelta(hours=1)
NIGHT = NOW + 20 * HOUR
LANES = 6
KILLS = int(os.environ.get("USUAL_LANES_KILLS", "3"))  # noqa: TID251 - the test run's own
PATIENCE_SECONDS = 120.0
VOUCHERS = int(os.environ.get("USUAL_LANES_VOUCHERS", "60"))  # noqa: TID251 - the test run's own
SEED = int(os.environ.get("USUAL_LANES_SEED", "20260310"))  # noqa: TID251 - the test run's own
OFFLINE = {"accept_up_to_cents": 60, "lane_cents": 1_500, "chain_cents": 8_000}
_log = logging.getLogger(__name__)


@dataclass
class Day:
    """What really happened, as the lanes' staff and customers know it."""

    till: Till
    random: Random
    lanes: list[Lane]
    vouchers: list[dict[str, Any]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    online_cents: dict[str, int] = field(default_factory=dict)
    """What the redemptions over the network gave, by id."""

    async def passes(self) -> None:
        """Seventeen hours: customers come to lanes without a network, and to one that has it, with the same paper."""
        for hour in range(17):
            at = NOW + hour * HOUR
            for _ in range(VOUCHERS // 8):
                lane, voucher = self.random.choice(self.lanes), self.random.choice(self.vouchers)
                try:
                    entry = lane.accept(voucher, *self._basket(), at=at)
                except Refused as refused:
                    self.refused[str(refused)] += 1
                    continue
                if self.random.random() < 0.1:
                    lane.till.take_back(entry["redemption_id"])
            await self.online(f"day-{hour}")
            self.till.clock.move(HOUR)
        async with self.till.transaction() as (_, stores):
            assert await expire_vouchers(stores.expiry, self.till.clock.now(), self.till.parts.metrics) > 0

    async def online(self, redemption_id: str) -> None:
        voucher = self.random.choice(self.vouchers)
        line = {"line_no": 1, "item_id": f"{voucher['category']}-1", "quantity": "1", "amount_cents": 300}
        answer = await self.till.redeem(voucher["code"], redemption_id, lines=[line])
        if answer["status"] == "redeemed":
            self.online_cents[redemption_id] = answer["given_cents"]

    def _basket(self) -> list[int]:
        return [self.random.randint(5, 400) for _ in range(self.random.randint(1, 3))]

    def entries(self) -> dict[str, dict[str, Any]]:
        return {name: entry for lane in self.lanes for name, entry in lane.till.entries.items()}

    def taken_back(self) -> set[str]:
        return {name for lane in self.lanes for name in lane.till._back}


@asynccontextmanager
async def a_door(url: str, folder: Path) -> AsyncIterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process that serves; killed at the end."""
    (folder / PORT).unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.support.offers_door", url, str(folder), NIGHT.isoformat()]
    process = await asyncio.to_thread(subprocess.Popen[bytes], command)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (folder / PORT).exists():
                assert process.poll() is None, "the door ended by itself"
                await _pause(0.02)
        yield f"http://127.0.0.1:{(folder / PORT).read_text()}", process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


async def send_some(lane: Lane, client: httpx.AsyncClient, random: Random) -> None:
    """Send parts of what waits, in any order, some twice; half of the answers get lost."""
    for body in random.sample(lane.till.pending(), len(lane.till.pending())):
        entries = random.choices(body["entries"], k=random.randint(1, 6))
        answer = await client.post("/v1/reconciliations", json={**body, "entries": entries})
        assert answer.status_code in {200, 503}, answer.text
        if answer.status_code == 200 and random.random() < 0.5:
            lane.till.learn(answer.json())


async def reconcile_at_night(day: Day, database: Database, folder: Path) -> int:
    """All lanes at once, through doors that are killed while they work; returns how many were."""
    key, credential = new_key("lanes", SCOPES)
    write_credentials(folder / CREDENTIALS, [credential])
    kills = 0
    while any(lane.till.pending() for lane in day.lanes):
        async with (
            a_door(database.url("offers"), folder) as (address, process),
            httpx.AsyncClient(base_url=address, headers={"X-Api-Key": key}, timeout=30) as client,
        ):

            async def works(lane: Lane, random: Random, client: httpx.AsyncClient = client) -> None:
                with suppress(httpx.TransportError):
                    while lane.till.pending():
                        await send_some(lane, client, random)

            lanes = [asyncio.create_task(works(lane, Random(day.random.random()))) for lane in day.lanes]
            if kills < KILLS:
                await _pause(0.05 + day.random.random() * 0.25)
                process.kill()
                kills += 1
            await asyncio.gather(*lanes)
    return kills


async def test_a_day_without_a_network_costs_no_more_than_was_shown(database: Database, tmp_path: Path) -> None:
    campaigns = [
        an_offline_campaign("today", validity_days=0, categories=("bread", "milk"), offline=OFFLINE),
        an_offline_campaign("week", percent=20, greatest_value_cents=80, offline=OFFLINE),
    ]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        keys = await keys_of(till)
        lanes = [Lane(tmp_path, till, keys, f"lane-{n}", STORES[n % len(STORES)]) for n in range(LANES)]
        day = Day(till, Random(SEED), lanes)
        for number in range(VOUCHERS):
            day.vouchers += (await till.checkout(f"k{number}", slots=2))["vouchers"]
        assert {voucher["campaign_id"] for voucher in day.vouchers} == {"today", "week"}
        for lane in lanes:
            await lane.lend(seconds=18 * 3600)
        shown = (await till.client.get("/v1/exposure")).json()
        bound = {each["campaign_id"]: each["worst_case_cents"] for each in shown["campaigns"]}
        assert sum(bound.values()) == shown["chain"][0]["worst_case_cents"]
        assert all(cents <= OFFLINE["chain_cents"] for cents in bound.values())
        await day.passes()
        till.clock.move(NIGHT - till.clock.now())
        kills = await reconcile_at_night(day, database, tmp_path)
        assert kills == KILLS
        await is_right(day, bound)
        await goods_come_back(day)
        for lane in lanes:
            assert await lane.end() == 200
        after = (await till.client.get("/v1/exposure")).json()
        assert after["chain"] == []


async def is_right(day: Day, bound: dict[str, int]) -> None:
    """What the books say against what really happened."""
    till, entries, back = day.till, day.entries(), day.taken_back()
    redemptions = await till.rows("SELECT * FROM redemptions WHERE status = 'redeemed' AND rolled_back_at IS NULL")
    assert max(Counter(row["voucher_id"] for row in redemptions).values()) == 1, "redeemed twice in the books"
    paid = {row["redemption_id"]: row["given_cents"] for row in redemptions}
    listed = await conflicts_listed(till)
    by_reserve = {name for name, entry in entries.items() if paid.get(name) == entry["gives"]}
    late = await till.rows("SELECT redemption_id, late_cents FROM offline_redemptions WHERE reason = 'redeemed-late'")
    assert entries.keys() - by_reserve - back == listed.keys() - back, "every conflict is listed, and nothing else"
    assert all(each["uncovered_cents"] == 0 for each in listed.values())
    givings = defaultdict(list)
    for name, entry in entries.items():
        if name not in back:
            givings[entry["code"]].append(name)
    for names in givings.values():
        assert len(listed.keys() & names) >= len(names) - 1
    beside = Counter[str]()
    for each in listed.values():
        beside[each["campaign_id"]] += each["from_lease_cents"]
    for row in late:
        assert row["redemption_id"] in by_reserve | back
        beside[entries[row["redemption_id"]]["campaign_id"]] += row["late_cents"]
    for campaign_id, shown_cents in bound.items():
        assert 0 < beside[campaign_id] <= shown_cents, "more than the worst case that was shown"
    given = sum(entry["gives"] for name, entry in entries.items() if name not in back)
    spent = await till.rows("SELECT sum(spent_cents)::int AS spent, sum(lost_cents)::int AS lost FROM budgets")
    assert spent == [{"spent": given + sum(day.online_cents.values()), "lost": 0}]
    assert {"spent-here", "expired", "above-limit"} <= day.refused.keys(), day.refused
    assert late, "vouchers were taken in time whose reserves had been returned"
    assert {each["reason"] for each in listed.values()} == {"already-redeemed"}
    await caps_held(till)
    _log.info(
        "%s entries, %s taken back, %s late, %s conflicts, beside reserves %s of %s",
        len(entries),
        len(back),
        len(late),
        len(listed),
        beside,
        bound,
    )


async def conflicts_listed(till: Till) -> dict[str, dict[str, Any]]:
    """By id, page by page."""
    listed: dict[str, dict[str, Any]] = {}
    after: int | None = 0
    while after is not None:
        page = (await till.client.get("/v1/conflicts", params={"after": after, "limit": 7})).json()
        listed |= {each["redemption_id"]: each for each in page["conflicts"]}
        after = page["next_after"]
    return listed


async def caps_held(till: Till) -> None:
    """The journal is in the order of commits: after each of its moves the budget could bear it."""
    budgets: dict[str, Budget] = defaultdict(lambda: Budget(cap_cents=0))
    moves = Counter[str]()
    for row in await till.rows("SELECT * FROM journal ORDER BY campaign_id, number"):
        step = Transfer(
            Move(row["move"]), Account(row["from_account"]), Account(row["to_account"]), row["amount_cents"]
        )
        budgets[row["campaign_id"]] = budgets[row["campaign_id"]].after([step])
        moves[row["move"]] += 1
    assert {"lease", "conflict", "late", "redeem", "release", "expire"} <= moves.keys()


async def goods_come_back(day: Day) -> None:
    """All that lanes gave comes back, as goods or by voids, and twice: then what was given online is all that is spent."""
    events = []
    for number, (name, entry) in enumerate(day.entries().items()):
        what = {"store_id": "store-1", "currency": "USD"}
        if number % 3 == 0:
            fact: Any = Void(receipt_id=f"void-{name}", voided_receipt_id=entry["receipt_id"], **what)
        else:
            lines = tuple(
                ReceiptLine(line_no=line["line_no"], item_id=line["item_id"], quantity=Decimal(2), amount_cents=1)
                for line in entry["lines"]
            )
            fact = Return(
                receipt_id=f"back-{name}", original_receipt_id=entry["receipt_id"], lines=lines, total_cents=1, **what
            )
        events.append(an_event(fact, fact.receipt_id, datetime.fromisoformat(entry["given_at"]) + 30 * HOUR))
    for event in [*events, *events]:
        async with day.till.transaction() as (_, stores):
            await on_receipts(stores, [event], day.till.door.doors.money_clock)
    spent = await day.till.rows("SELECT sum(spent_cents)::int AS spent, sum(lost_cents)::int AS lost FROM budgets")
    assert spent == [{"spent": sum(day.online_cents.values()), "lost": 0}]
