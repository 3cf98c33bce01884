"""What is printed under a receipt: one template, rendered as text in 32, 42 or 48 columns and as ESC/POS bytes."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Literal

from escpos.printer import Dummy

from libs.common.money import minor_digits

Columns = Literal[32, 42, 48]
WIDEST = 48
_FEED_LINES = 4
_QR_MODULE_DOTS = 6
_SIGNS = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """What one voucher says."""

    headline: str
    note: str
    """A condition, or nothing."""
    title: str
    such_as: tuple[str, ...]
    code: str
    last_day: date
    signed: str | None = None
    """What the QR code says instead of the code, where a till without a network must be able to check it."""


class Style(Enum):
    """How a row is set."""

    PLAIN = auto()
    CENTRED = auto()
    LOUD = auto()
    RULE = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the template, before it is broken to a width."""

    style: Style
    text: str = ""
    qr: str = ""


def money(currency: str, amount_cents: int) -> str:
    """An amount as a receipt shows it.

    >>> money("USD", 150), money("JPY", 150), money("SEK", 150)
    ('$1.50', '¥150', 'SEK 1.50')
    """
    digits = minor_digits(currency)
    whole, part = divmod(amount_cents, 10**digits)
    number = f"{whole}.{part:0{digits}d}" if digits else str(whole)
    sign = _SIGNS.get(currency)
    return f"{sign}{number}" if sign else f"{currency} {number}"


def promise(*, percent: int | None, greatest_value_cents: int, currency: str, category: str) -> tuple[str, str]:
    """What the voucher promises: headline and note.

    >>> promise(percent=10, greatest_value_cents=150, currency="USD", category="FLUID MILK")
    ('10% off Fluid Milk', 'up to $1.50')
    """
    subject, value = category.title(), money(currency, greatest_value_cents)
    return (f"{value} off {subject}", "") if percent is None else (f"{percent}% off {subject}", f"up to {value}")


def template(coupons: Sequence[Coupon]) -> list[Row]:
    """The rows of all coupons; none without coupons."""
    rows: list[Row] = []
    for coupon in coupons:
        rows += [Row(Style.RULE), Row(Style.CENTRED, coupon.title), Row(Style.LOUD, coupon.headline)]
        if coupon.note:
            rows.append(Row(Style.CENTRED, coupon.note))
        if coupon.such_as:
            rows.append(Row(Style.PLAIN, "For example: " + ", ".join(coupon.such_as)))
        rows += [
            Row(Style.CODE, coupon.code, coupon.signed or coupon.code),
            Row(Style.CENTRED, f"Good through {coupon.last_day.isoformat()}"),
        ]
    return [*rows, Row(Style.RULE)] if rows else []


def as_text(rows: Iterable[Row], columns: Columns) -> str:
    """The rows as plain text, no line longer than `columns`."""
    lines: list[str] = []
    for row in rows:
        if row.style is Style.RULE:
            lines.append("-" * columns)
            continue
        broken = textwrap.wrap(row.text, columns) or [""]
        lines += broken if row.style is Style.PLAIN else [line.center(columns).rstrip() for line in broken]
    return "".join(f"{line}\n" for line in lines)


def as_escpos(rows: Sequence[Row], columns: Columns) -> bytes:
    """The rows as a receipt printer takes them, each code also as Code 128 and as QR; empty without rows."""
    printer = _Printer()
    for row in rows:
        if row.style is Style.CODE:
            printer.codes(row.text, row.qr)
        printer.set(align="left", bold=row.style is Style.LOUD)
        printer.text(as_text([row], columns))
    if rows:
        printer.print_and_feed(_FEED_LINES)
        printer.cut()
    return bytes(printer.output)


class _Printer(Dummy):  # type: ignore[misc]  # escpos ships no types
    """Collects bytes instead of printing."""

    def codes(self, code: str, qr: str) -> None:
        """The code for scanners of both kinds."""
        self.set(align="center")
        # The public barcode() tells standard output which renderer it takes.
        self._hw_barcode("{B" + code.replace("-", ""), "CODE128", 64, 2, "OFF", "A", True, "B", False)  # noqa: FBT003
        self.qr(qr, native=True, size=_QR_MODULE_DOTS)
