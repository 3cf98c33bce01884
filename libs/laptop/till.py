"""A simulated till: turns a real basket into the sale, checkout and redemption that a till would send. Pure.

All ids derive from the basket's, so that a repeat is known as a repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from libs.common.contracts import format_moment

CARD = "loyalty_card"
TERMINAL = "1"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the customer pays it. `added_by` names the voucher because of which it was bought: synthetic."""

    line_no: int
    item_id: str
    quantity: str
    amount_cents: int
    discount_cents: int = 0
    voucher_id: str | None = None
    added_by: str | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """One basket of one customer (None: no card shown) in one store."""

    basket_id: str
    customer_id: str | None
    store_id: str
    at: datetime
    currency: str
    lines: tuple[Line, ...] = field(default=())

    @property
    def receipt_id(self) -> str:
        """The receipt's number."""
        return f"receipt-{self.basket_id}"

    @property
    def checkout_id(self) -> str:
        """The id under which vouchers are asked for."""
        return f"checkout-{self.basket_id}"

    @property
    def total_cents(self) -> int:
        """What is paid."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def identifier(self) -> dict[str, str] | None:
        """The customer's card."""
        return None if self.customer_id is None else {"kind": CARD, "value": self.customer_id}

    def with_line(self, item_id: str, price_cents: int, voucher_id: str) -> "Basket":
        """The same basket with one piece more, bought because of a voucher."""
        number = max((line.line_no for line in self.lines), default=0) + 1
        added = Line(number, item_id, "1", price_cents, added_by=voucher_id)
        return replace(self, lines=(*self.lines, added))

    def discounted(self, voucher_id: str, given: Sequence[Mapping[str, Any]]) -> "Basket":
        """The same basket with what a redemption took off its lines (`line_no`, `discount_cents`)."""
        taken = {each["line_no"]: each["discount_cents"] for each in given}
        return replace(self, lines=tuple(_less(line, taken.get(line.line_no, 0), voucher_id) for line in self.lines))


def _less(line: Line, discount_cents: int, voucher_id: str) -> Line:
    if not discount_cents:
        return line
    paid_cents = line.amount_cents - discount_cents
    return replace(
        line, amount_cents=paid_cents, discount_cents=line.discount_cents + discount_cents, voucher_id=voucher_id
    )


def cloud_event(kind: str, event_id: str, source: str, at: datetime, content: Mapping[str, Any]) -> dict[str, Any]:
    """A CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "time": format_moment(at),
        "datacontenttype": "application/json",
        "data": content,
    }


def sale_event(basket: Basket) -> dict[str, Any]:
    """The sale as the till reports it; lines that a shopper added because of a voucher are named as synthetic."""
    content: dict[str, Any] = {
        "receipt_id": basket.receipt_id,
        "store_id": basket.store_id,
        "terminal_id": TERMINAL,
        "currency": basket.currency,
        "lines": [_sale_line(line) for line in basket.lines],
        "total_cents": basket.total_cents,
    }
    if basket.identifier is not None:
        content["customer"] = basket.identifier
    if used := {line.voucher_id for line in basket.lines if line.voucher_id}:
        content["vouchers_scanned"] = sorted(used)
    if added := [line.line_no for line in basket.lines if line.added_by]:
        content["synthetic_lines"] = added
    return cloud_event("usual.pos.sale.v1", f"sale-{basket.basket_id}", _source(basket), basket.at, content)


def checkout_request(basket: Basket, *, slots: int = 1, deadline_ms: int = 2000) -> dict[str, Any]:
    """What the till asks before it prints."""
    return {
        "checkout_id": basket.checkout_id,
        "receipt_id": basket.receipt_id,
        "store_id": basket.store_id,
        "terminal_id": TERMINAL,
        "customer": basket.identifier,
        "currency": basket.currency,
        "lines": [_line(line) for line in basket.lines],
        "total_cents": basket.total_cents,
        "slots": slots,
        "deadline_ms": deadline_ms,
        "occurred_at": format_moment(basket.at),
        "columns": 42,
    }


def redemption_request(basket: Basket, voucher_id: str, code: str) -> dict[str, Any]:
    """What the till asks when a voucher is handed in; the lines are those before its discount."""
    return {
        "redemption_id": f"redemption-{basket.basket_id}-{voucher_id}",
        "code": code,
        "receipt_id": basket.receipt_id,
        "store_id": basket.store_id,
        "currency": basket.currency,
        "lines": [_line(line) for line in basket.lines],
        "occurred_at": format_moment(basket.at),
    }


def tick_event(reached_at: datetime, source: str) -> dict[str, Any]:
    """Event time has reached `reached_at`."""
    moment = format_moment(reached_at)
    return cloud_event("usual.play.tick.v1", f"tick-{moment}", source, reached_at, {"reached_at": moment})


def _source(basket: Basket) -> str:
    return f"till/{basket.store_id}/{TERMINAL}"


def _line(line: Line) -> dict[str, Any]:
    return {
        "line_no": line.line_no,
        "item_id": line.item_id,
        "quantity": line.quantity,
        "amount_cents": line.amount_cents,
    }


def _sale_line(line: Line) -> dict[str, Any]:
    if not line.discount_cents:
        return _line(line)
    discount = {"amount_cents": line.discount_cents, "voucher_id": line.voucher_id}
    return {**_line(line), "discounts": [discount]}
