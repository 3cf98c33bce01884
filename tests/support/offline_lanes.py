"""Lanes that lose the network, on the till library itself: what they give, and how their journals come in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from libs.tills.offline_till import Line, OfflineTill
from tests.support.offers_facts import ITEMS, a_campaign
from tests.support.offers_running import Till, next_id

LANE_CENTS = 100


def an_offline_campaign(campaign_id: str = "usual", **changes: Any) -> Any:
    """Ten percent, signed for the chain; a lane is lent a dollar, all of them five."""
    offline = {"accept_up_to_cents": 60, "lane_cents": LANE_CENTS, "chain_cents": 500}
    return a_campaign(campaign_id, **({"signed": "chain", "offline": offline} | changes))


def lines_for(category: str, *amounts_cents: int) -> list[Line]:
    """Lines of goods of this category, and one of another."""
    items = [item_id for item_id, known in ITEMS.items() if known == category]
    other = next(item_id for item_id, known in ITEMS.items() if known != category)
    fit = [Line(place, items[place % len(items)], "1", cents, category) for place, cents in enumerate(amounts_cents, 1)]
    return [*fit, Line(len(fit) + 1, other, "1", 900, ITEMS[other])]


async def keys_of(till: Till) -> dict[int, bytes]:
    """What a till that fetched the keys now trusts."""
    keys = (await till.client.get("/v1/voucher-keys")).json()
    return {key["key_id"]: bytes.fromhex(key["public_key"]) for key in keys if key["withdrawn_at"] is None}


class Lane:
    """One lane: its till, its journal, and the door that it reaches when it has a network."""

    def __init__(self, folder: Path, till: Till, keys: Mapping[int, bytes], terminal_id: str, store_id: str) -> None:
        self.path = str(folder / f"{terminal_id}.journal")
        self.door, self.terminal_id, self.store_id = till, terminal_id, store_id
        self.till = OfflineTill(self.path, keys, store_id)
        self.lease_id = next_id(f"lease-{terminal_id}")

    async def lend(self, **asked: Any) -> dict[str, Any]:
        """Ask for a lease, and note it."""
        body = {"lease_id": self.lease_id, "store_id": self.store_id, "terminal_id": self.terminal_id}
        answer = await self.door.client.post("/v1/leases", json=body | asked)
        assert answer.status_code == 200, answer.text
        self.till.lend(answer.json())
        return dict(answer.json())

    def accept(
        self, voucher: Mapping[str, Any], *amounts_cents: int, at: datetime, receipt_id: str | None = None
    ) -> dict[str, Any]:
        """Take a voucher; raises Refused."""
        receipt = receipt_id or next_id(f"sale-{self.terminal_id}")
        lines = lines_for(voucher["category"], *(amounts_cents or (250,)))
        return self.till.accept(voucher["signed"], receipt, "USD", lines, at.timestamp())

    async def send(self, body: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Send some of the journal, and note the answer."""
        answer = await self.door.client.post("/v1/reconciliations", json=body)
        assert answer.status_code == 200, answer.text
        self.till.learn(answer.json())
        return list(answer.json()["outcomes"])

    async def reconcile(self) -> Sequence[dict[str, Any]]:
        """Send all of the journal."""
        return [outcome for body in self.till.pending() for outcome in await self.send(body)]

    async def end(self) -> int:
        """End the lease; the status of the answer."""
        ending = self.till.ending(self.lease_id)
        assert ending is not None
        return (await self.door.client.post(f"/v1/leases/{self.lease_id}/end", json=ending)).status_code
