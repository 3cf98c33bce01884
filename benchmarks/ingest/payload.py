"""The one receipt that every contender gets, in the shape that each of them takes; `@ID@` and `@CARD@` differ each time."""

import json
from typing import Any

from libs.common.clock import SystemClock
from libs.common.contracts import format_moment

LINES = 20
BATCH = 50
SALE = "usual.pos.sale.v1"


def event() -> dict[str, Any]:
    """A sale as a till sends it: twenty lines, of each what it was, how much of it and what it cost."""
    lines = [{"line_no": n + 1, "item_id": f"item-{n}", "quantity": "1", "amount_cents": 199} for n in range(LINES)]
    sale = {
        "receipt_id": "receipt-@ID@",
        "store_id": "store-1",
        "terminal_id": "1",
        "customer": {"kind": "loyalty_card", "value": "@CARD@"},
        "currency": "USD",
        "lines": lines,
        "total_cents": 199 * LINES,
    }
    now = format_moment(SystemClock().now())
    return {"specversion": "1.0", "id": "@ID@", "source": "till-1", "type": SALE, "time": now, "data": sale}


def events(count: int) -> bytes:
    """One CloudEvent, or an array of them."""
    return _json(event() if count == 1 else [event() for _ in range(count)])


def records(count: int) -> bytes:
    """The same as records for the Karapace REST proxy, keyed by the card."""
    return _json({"records": [{"key": "@CARD@", "value": event()} for _ in range(count)]})


def _json(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
