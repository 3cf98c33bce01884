"""The one checkout that every contender gets; `@ID@` and `@CARD@` differ each time."""

import json

from benchmarks.offers.chain import CURRENCY, Chain

DEADLINE_MS = 2_000
"""The greatest that a door grants: a load of many connections measures throughput, and answers without a voucher would be cheaper."""


def checkout(chain: Chain) -> bytes:
    """A checkout as a till sends it: a real basket of twenty lines."""
    lines = [
        {
            "line_no": number,
            "item_id": line.product_id,
            "quantity": str(line.quantity),
            "amount_cents": line.amount_cents,
        }
        for number, line in enumerate(chain.basket.lines, 1)
    ]
    body = {
        "checkout_id": "@ID@",
        "receipt_id": "receipt-@ID@",
        "store_id": chain.store_id,
        "terminal_id": "1",
        "customer": {"kind": "loyalty_card", "value": "@CARD@"},
        "currency": CURRENCY,
        "lines": lines,
        "total_cents": sum(line.amount_cents for line in chain.basket.lines),
        "deadline_ms": DEADLINE_MS,
    }
    return json.dumps(body, separators=(",", ":")).encode()
