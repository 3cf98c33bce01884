"""A simulated till: turns a real basket into the sale, checkout and redemption that a till would send. Pure.

All ids derive from the basket's, so that a repeat is known as a repeat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from libs.common.contracts import format_moment
from libs.laptop.dataset import Basket, Line
from libs.laptop.wire import cloud_event

CARD = "loyalty_card"
TERMINAL = "1"
RECEIPT_COLUMNS = 42


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line as the customer pays it; a returned line has quantity and amount below 0.

    `added_by` names the voucher because of which it was bought: synthetic.
    """

    line_no: int
    item_id: str
    quantity: Decimal
    amount_cents: int
    discounts: tuple[Mapping[str, Any], ...] = ()
    added_by: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one customer pays in one store."""

    basket_id: str
    customer_id: str
    store_id: str
    at: datetime
    currency: str
    lines: tuple[ReceiptLine, ...]

    @classmethod
    def of(cls, basket: Basket, currency: str) -> Self:
        """The receipt of a real basket."""
        lines = tuple(_receipt_line(number, line) for number, line in enumerate(basket.lines, start=1))
        return cls(basket.basket_id, basket.customer_id, basket.store_id, basket.occurred_at, currency, lines)

    @property
    def receipt_id(self) -> str:
        """The receipt's number."""
        return f"receipt-{self.basket_id}"

    @property
    def identifier(self) -> dict[str, str]:
        """The customer's card."""
        return {"kind": CARD, "value": self.customer_id}

    @property
    def sold(self) -> tuple[ReceiptLine, ...]:
        """The lines that leave the store."""
        return tuple(line for line in self.lines if line.quantity > 0)

    @property
    def returned(self) -> tuple[ReceiptLine, ...]:
        """The lines that come back."""
        return tuple(line for line in self.lines if line.quantity < 0)

    @property
    def total_cents(self) -> int:
        """What is paid for what is sold."""
        return sum(line.amount_cents for line in self.sold)

    def with_line(self, item_id: str, price_cents: int, voucher_id: str) -> "Receipt":
        """The same receipt with one piece more, bought because of a voucher."""
        number = max((line.line_no for line in self.lines), default=0) + 1
        added = ReceiptLine(number, item_id, Decimal(1), price_cents, added_by=voucher_id)
        return replace(self, lines=(*self.lines, added))

    def discounted(self, voucher_id: str, given: Sequence[Mapping[str, Any]]) -> "Receipt":
        """The same receipt with what a redemption took off its lines (`line_no`, `discount_cents`)."""
        taken = {each["line_no"]: each["discount_cents"] for each in given if each["discount_cents"]}
        return replace(self, lines=tuple(_less(line, taken.get(line.line_no, 0), voucher_id) for line in self.lines))


def _receipt_line(number: int, line: Line) -> ReceiptLine:
    discounts: list[dict[str, Any]] = []
    if line.discount_cents > 0:
        discounts.append({"amount_cents": line.discount_cents})
    if line.coupon_discount_cents > 0:
        discounts.append({"amount_cents": line.coupon_discount_cents, "funder": "maker"})
    return ReceiptLine(number, line.product_id, line.quantity, line.amount_cents, tuple(discounts))


def _less(line: ReceiptLine, discount_cents: int, voucher_id: str) -> ReceiptLine:
    if not discount_cents:
        return line
    discount = {"amount_cents": discount_cents, "voucher_id": voucher_id}
    return replace(line, amount_cents=line.amount_cents - discount_cents, discounts=(*line.discounts, discount))


def sale_event(receipt: Receipt) -> dict[str, Any]:
    """The sale as the till reports it; lines that a shopper added because of a voucher are named as synthetic."""
    content = _receipt_content(receipt, receipt.receipt_id, receipt.sold, sign=1)
    if used := {each["voucher_id"] for line in receipt.sold for each in line.discounts if "voucher_id" in each}:
        content["vouchers_scanned"] = sorted(used)
    if added := [line.line_no for line in receipt.sold if line.added_by]:
        content["synthetic_lines"] = added
    return cloud_event("usual.pos.sale.v1", f"sale-{receipt.basket_id}", _source(receipt), receipt.at, content)


def return_event(receipt: Receipt) -> dict[str, Any]:
    """What came back at this visit, as the till reports it."""
    content = _receipt_content(receipt, f"return-{receipt.basket_id}", receipt.returned, sign=-1)
    return cloud_event("usual.pos.return.v1", f"return-{receipt.basket_id}", _source(receipt), receipt.at, content)


def _receipt_content(receipt: Receipt, receipt_id: str, lines: Sequence[ReceiptLine], *, sign: int) -> dict[str, Any]:
    return {
        "receipt_id": receipt_id,
        "store_id": receipt.store_id,
        "terminal_id": TERMINAL,
        "customer": receipt.identifier,
        "currency": receipt.currency,
        "lines": [_line(line, sign) for line in lines],
        "total_cents": sign * sum(line.amount_cents for line in lines),
    }


def checkout_request(receipt: Receipt, *, slots: int = 1, deadline_ms: int = 2000) -> dict[str, Any]:
    """What the till asks before it prints."""
    return {
        **_receipt_content(receipt, receipt.receipt_id, receipt.sold, sign=1),
        "checkout_id": f"checkout-{receipt.basket_id}",
        "slots": slots,
        "deadline_ms": deadline_ms,
        "occurred_at": format_moment(receipt.at),
        "columns": RECEIPT_COLUMNS,
    }


def redemption_request(receipt: Receipt, voucher_id: str, code: str) -> dict[str, Any]:
    """What the till asks when a voucher is handed in; the lines are those before its discount."""
    return {
        "redemption_id": f"redemption-{receipt.basket_id}-{voucher_id}",
        "code": code,
        "receipt_id": receipt.receipt_id,
        "store_id": receipt.store_id,
        "currency": receipt.currency,
        "lines": [_line(line, 1) for line in receipt.sold],
        "occurred_at": format_moment(receipt.at),
    }


def tick_event(reached_at: datetime, source: str) -> dict[str, Any]:
    """Event time has reached `reached_at`."""
    moment = format_moment(reached_at)
    return cloud_event("usual.play.tick.v1", f"tick-{moment}", source, reached_at, {"reached_at": moment})


def _source(receipt: Receipt) -> str:
    return f"till/{receipt.store_id}/{TERMINAL}"


def _line(line: ReceiptLine, sign: int) -> dict[str, Any]:
    content = {
        "line_no": line.line_no,
        "item_id": line.item_id,
        "quantity": str(sign * line.quantity),
        "amount_cents": sign * line.amount_cents,
    }
    return {**content, "discounts": line.discounts} if line.discounts else content


def printed_text(receipt: Receipt, names: Mapping[str, str], vouchers: str) -> str:
    """The receipt as it leaves the printer: what was paid, then the vouchers' text as offers made it."""
    width = RECEIPT_COLUMNS
    head = [f"Store {receipt.store_id}".center(width), f"{receipt.at:%Y-%m-%d %H:%M}".center(width), ""]
    body = [text for line in receipt.sold for text in _line_texts(line, names)]
    total = _columns(f"TOTAL {receipt.currency}", _money(receipt.total_cents))
    return "\n".join([*head, *body, "-" * width, total, "", vouchers.rstrip()])


def _line_texts(line: ReceiptLine, names: Mapping[str, str]) -> list[str]:
    name = names.get(line.item_id, line.item_id)
    quantity = "" if line.quantity == 1 else f"{line.quantity} x "
    voucher_cents = sum(each["amount_cents"] for each in line.discounts if "voucher_id" in each)
    texts = [_columns(f"{quantity}{name}", _money(line.amount_cents + voucher_cents))]
    return [*texts, _columns("  voucher", _money(-voucher_cents))] if voucher_cents else texts


def _columns(left: str, right: str) -> str:
    room = RECEIPT_COLUMNS - len(right) - 1
    return f"{left[:room]:<{room}} {right}"


def _money(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"
