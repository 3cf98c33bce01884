"""A chain's doors and workers as processes, and beside them an inventory system with a will of its own; all of them may be killed."""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from libs.common.contracts import format_moment
from libs.common.contracts.pos import Sale
from libs.laptop.child import Child, free_port, spawn
from libs.laptop.children import answers
from libs.laptop.launch import Service
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System
from services.inventory.domain.webhooks import EVENT_TYPES
from tests.support.inventory_events import receipt_lines

DOOR, INGEST_WORKER = Service("ingest", "api"), Service("ingest", "worker")
API, WORKER = Service("inventory", "api"), Service("inventory", "worker")
STORES = ("s1", "s2", "s3")
ENOUGH_SECONDS = 240.0
_FAULTS = ("--rejects=0.2", "--shorts=0.3", "--refuses=0.2", "--forgets=0.2", "--repeats=0.3", "--delays=0.05")


class ConsumerLab(System):
    """Live, with everything approved, reviewed twice a second, and webhooks allowed to this machine."""

    def environment_of(self, process: Service) -> dict[str, str]:
        """The same, and what these tests change."""
        key = self.state.path / "webhook_key"
        key.write_text("a key for tests, long enough to be one")
        return super().environment_of(process) | {
            "USUAL_APPROVE_EVERYTHING": "true",
            "USUAL_REVIEW_INTERVAL_SECONDS": "0.5",
            "USUAL_WEBHOOK_KEY_FILE": str(key),
            "USUAL_WEBHOOK_PRIVATE_NETWORKS": '["127.0.0.0/8"]',
            "USUAL_WEBHOOK_TIMEOUT_SECONDS": "2",
        }

    def client(self, caller: str, service: str) -> httpx.AsyncClient:
        """A caller at a door."""
        return httpx.AsyncClient(
            base_url=self._doors()[service], headers={"x-api-key": self.keys.key(caller)}, trust_env=False, timeout=20.0
        )

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        """What inventory's tables hold."""
        url = self.postgres.url("inventory").replace("postgresql+asyncpg", "postgresql")
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SET search_path = inventory")
            return [dict(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()


@dataclass
class Consumer:
    """The inventory system's process. Killed and started again, it has nothing but its file."""

    lab: ConsumerLab
    by_webhook: bool
    seed: int
    folder: Path
    port: int = field(default_factory=free_port)
    child: Child | None = None
    kills: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "key").write_text(self.lab.keys.key("erp"))
        doors = self.lab.record().addresses
        argv = [
            *(sys.executable, "-m", "libs.erp", "--state", str(self.folder / "erp.db")),
            *("--key-file", str(self.folder / "key"), "--secret-file", str(self.folder / "secret")),
            *("--port", str(self.port), "--inventory", doors["inventory"], "--ingest", doors["ingest"]),
            *([] if self.by_webhook else ["--broker", doors["broker"]]),
            *("--seed", str(self.seed), *_FAULTS),
        ]
        self.child = spawn("consumer", argv, log=self.folder / "log", env=self.lab.environment_of(API))
        await self.child.wait_ready(answers(f"http://127.0.0.1:{self.port}/readyz"), within_seconds=30.0)

    async def kill(self) -> None:
        assert self.child is not None
        await self.child.kill()
        self.kills += 1

    async def state(self) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, timeout=20.0) as client:
            found: dict[str, Any] = (await client.get(f"http://127.0.0.1:{self.port}/state")).json()
            return found

    async def subscribe(self) -> None:
        """Have its webhook made, and keep the secret as a person would."""
        self.folder.mkdir(exist_ok=True)
        async with self.lab.client("office", "inventory") as office:
            body = {"url": self.url, "event_types": sorted(EVENT_TYPES)}
            made = await office.put("/v1/webhooks/erp", json=body)
            assert made.status_code == 201, made.text
            (self.folder / "secret").write_text(made.json()["secret"])


@contextlib.contextmanager
def running_lab(folder: Path) -> Iterator[ConsumerLab]:
    """Everything but the consumer up; in the end everything stopped."""
    lab = ConsumerLab(StateFolder(folder), services=(DOOR, INGEST_WORKER, API, WORKER))
    with lab.state.locked():
        asyncio.run(lab.start())
        try:
            yield lab
        finally:
            asyncio.run(lab.stop())


@dataclass
class Facts:
    """What the test itself sends, and what follows of it for stock."""

    now: datetime
    items: Sequence[str]
    sent: int = 0
    sold: int = 0
    on_hand: Counter[tuple[str, str]] = field(default_factory=Counter)

    def catalogue(self) -> list[dict[str, Any]]:
        begin = self.now - timedelta(days=8)
        lanes = [
            {"lane_id": name, "supplier_id": name, "store_id": "*", "lead_time_hours": 24, "rank": rank}
            for rank, name in enumerate(("dairy", "market"))
        ]
        events = [self._event("usual.catalog.lane.v1", begin, lane) for lane in lanes]
        for item in self.items:
            content = {
                "item_id": item,
                "name": item,
                "category": "food",
                "item_type": "food",
                "department": "food",
                "unit": "each",
                "pack_size": "1",
                "price_cents": 1_500,
                "cost_cents": 300,
                "currency": "EUR",
                "tax_ratio": "0.07",
            }
            events.append(self._event("usual.catalog.item.v1", begin, content))
        return events

    def counts(self) -> list[dict[str, Any]]:
        """Far too much here, far too little there."""
        events = []
        for number, item in enumerate(self.items):
            for place, store in enumerate(STORES):
                on_hand = (90, 12, 3)[(place + number) % 3]
                self.on_hand[item, store] += on_hand  # counted before all sales, whichever is told first
                content = {"store_id": store, "item_id": item, "on_hand": str(on_hand)}
                events.append(self._event("usual.stock.counted.v1", self.now - timedelta(days=7), content))
        return events

    def sales(self, units: int, ago: timedelta) -> list[dict[str, Any]]:
        """One receipt a store with so much of every item."""
        events = []
        for store in STORES:
            lines = receipt_lines(dict.fromkeys(self.items, str(units)))
            sale = Sale(
                receipt_id=f"r{self.sent}",
                store_id=store,
                currency="EUR",
                lines=lines,
                total_cents=sum(line.amount_cents for line in lines),
            )
            for item in self.items:
                self.on_hand[item, store] -= units
                self.sold += units
            events.append(self._event("usual.pos.sale.v1", self.now - ago, sale.model_dump(mode="json")))
        return events

    def _event(self, kind: str, at: datetime, content: dict[str, Any]) -> dict[str, Any]:
        self.sent += 1
        return {
            "specversion": "1.0",
            "id": f"f{self.sent}",
            "source": "urn:test",
            "type": kind,
            "time": format_moment(at),
            "datacontenttype": "application/json",
            "data": content,
        }


async def send(lab: ConsumerLab, events: Sequence[dict[str, Any]]) -> None:
    """Through the front door."""
    async with lab.client("office", "ingest") as client:
        for start in range(0, len(events), 100):
            media = {"content-type": "application/cloudevents-batch+json"}
            answer = await client.post("/v1/events", content=json.dumps(events[start : start + 100]), headers=media)
            assert answer.status_code in {200, 202}, answer.text
            assert all(each["status"] == "accepted" for each in answer.json()["results"]), answer.text
