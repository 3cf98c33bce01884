"""A till's transaction as the JSON of a structured CloudEvent; the contracts judge it later, like any other."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from libs.common.contracts import format_moment
from services.ingest.domain.poslog.header import Header
from services.ingest.domain.poslog.lines import Line
from services.ingest.domain.poslog.retail import Basket

_LOYALTY_CARD = "loyalty_card"


def receipt_of(header: Header, currency: str | None, loyalty: str | None) -> dict[str, Any]:
    """What all three kinds of receipt have in common."""
    reference = header.reference
    receipt = {
        "receipt_id": reference.receipt_id,
        "store_id": reference.store_id,
        "terminal_id": reference.workstation_id,
        "cashier_id": header.cashier_id,
        "customer": {"kind": _LOYALTY_CARD, "value": loyalty} if loyalty else None,
        "currency": currency,
        "training": header.training,
        "cancelled": header.cancelled,
    }
    return {name: value for name, value in receipt.items() if value is not None}


def sale_of(receipt: Mapping[str, Any], basket: Basket) -> dict[str, Any]:
    """The body of a sale: the lines that were sold, and how all was paid."""
    sold = [(line, cents) for line, cents in zip(basket.lines, basket.paid_cents, strict=True) if not line.returned]
    return {
        **receipt,
        "lines": _lines(sold),
        "total_cents": sum(cents for _, cents in sold),
        "tenders": _tenders(basket),
    }


def return_of(receipt: Mapping[str, Any], basket: Basket) -> dict[str, Any]:
    """The body of a return: what was brought back, and the receipt that it came from where all lines name the same.

    `tenders` are there when nothing was sold beside it: else the sale has them.
    """
    back = [(line, cents) for line, cents in zip(basket.lines, basket.paid_cents, strict=True) if line.returned]
    originals = {line.original_receipt_id for line, _ in back}
    original = originals.pop() if len(originals) == 1 else None
    return {
        **receipt,
        **({"original_receipt_id": original} if original else {}),
        **({"tenders": _tenders(basket)} if len(back) == len(basket.lines) and basket.tenders else {}),
        "lines": _lines(back),
        "total_cents": sum(cents for _, cents in back),
    }


def void_of(receipt: Mapping[str, Any], voided_receipt_id: str) -> dict[str, Any]:
    """The body of a void."""
    return {**receipt, "voided_receipt_id": voided_receipt_id}


def event_of(header: Header, kind: str, body: Mapping[str, Any]) -> bytes:
    """The event `usual.pos.<kind>.v1` around a body; the same transaction gives the same bytes."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": header.reference.event_id(kind),
            "source": header.reference.source,
            "type": f"usual.pos.{kind}.v1",
            "time": format_moment(header.occurred_at),
            "datacontenttype": "application/json",
            "data": body,
        }
    )


def _tenders(basket: Basket) -> list[dict[str, Any]]:
    return [{"kind": kind, "amount_cents": cents} for kind, cents in basket.tenders]


def _lines(lines: Sequence[tuple[Line, int]]) -> list[dict[str, Any]]:
    return [_line(line, cents) for line, cents in lines]


def _line(line: Line, cents: int) -> dict[str, Any]:
    discounts = [one for one in (*line.discounts, *line.receipt_discounts) if one.cents > 0]
    return {
        "line_no": line.number,
        "item_id": line.item_id,
        **({"gtin": line.gtin} if line.gtin else {}),
        "quantity": f"{line.quantity:f}",
        "unit": line.unit,
        "amount_cents": cents,
        "tax_ratio": f"{line.tax_ratio:f}",
        "discounts": [{"amount_cents": one.cents, "funder": one.funder} for one in discounts],
    }
