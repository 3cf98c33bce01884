"""A log of commands as webhooks and trading partners find it, written row by row."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from tests.support.inventory_running import RunningInventory

NOON = datetime(2031, 3, 7, 12, tzinfo=UTC)


def a_change(position: int, **changes: Any) -> dict[str, Any]:
    """An order for ten of an item, sent."""
    command = changes.get("command_id", f"c{position}")
    row: dict[str, Any] = {
        "position": position,
        "at": NOON + timedelta(seconds=position),
        "change": "sent",
        "reason": None,
        "command_id": command,
        "version": 1,
        "kind": "reorder",
        "state": "sent",
        "attempts": 1,
        "item_id": "i00",
        "store_id": "s1",
        "from_store_id": None,
        "supplier_id": "dairy",
        "lane_id": "lane-1",
        "quantity_milli": 10_000,
        "packs": 5,
        "cost_cents": 1_250,
        "promised_milli": None,
        "shipped_milli": 0,
        "received_milli": 0,
        "decided_at": NOON,
        "needed_at": NOON + timedelta(days=2),
        "valid_until": NOON + timedelta(days=1),
        "expected_at": None,
        "explanation": "below the reorder point",
    }
    return row | changes


async def log(service: RunningInventory, *changes: dict[str, Any]) -> None:
    """Append entries that have their positions."""
    async with service.parts.transactions.begin() as tx:
        for change in changes:
            row = {**change, "actor": "review"}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            await tx.connection.execute(text(f"INSERT INTO command_log ({names}) VALUES ({values})"), row)  # noqa: S608  # names of our own
