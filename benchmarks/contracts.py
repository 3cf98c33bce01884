"""What reading an event costs beyond parsing its JSON: the price of a checked contract, in CPU time of one core."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from benchmarks.report import Figure
from libs.common.contracts import Event, decode, new_event
from libs.common.contracts.pos import Sale

LINES = 20
ROUNDS = 5
EVENTS = 1_000


def a_sale() -> Event:
    """A receipt of twenty lines, about two kilobytes."""
    lines = [{"line_no": n + 1, "item_id": f"item-{n}", "amount_cents": 199, "tax_ratio": "0.07"} for n in range(LINES)]
    sale = Sale.model_validate(
        {
            "receipt_id": "receipt-1",
            "store_id": "store-1",
            "currency": "USD",
            "customer": {"kind": "loyalty_card", "value": "7"},
            "lines": lines,
            "total_cents": 199 * LINES,
        }
    )
    return new_event(sale, event_id="1", source="urn:bench", occurred_at=datetime(2026, 3, 1, tzinfo=UTC))


def measure() -> Sequence[Figure]:
    """JSON alone, then our decode (headers, contract, envelope)."""
    event = a_sale()
    headers, body = event.headers(), event.body()
    ways: dict[str, Callable[[], object]] = {
        "json.loads of the body alone": lambda: json.loads(body),
        "decode: headers, contract and envelope": lambda: decode(headers, body),
        "encode: headers and body": lambda: (event.headers(), event.body()),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.process_time()
            for _ in range(EVENTS):
                way()
            rates[name].append(EVENTS / (time.process_time() - began))
    return [Figure(name, tuple(found), "events") for name, found in rates.items()]
