"""POSLog documents for tests: the fixtures in `poslog/`, and small ones written with changes."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from libs.common.card_numbers import CardNumberGuard
from services.ingest.domain.poslog import Assumed, Mapped, Poslog, XmlLimits, read_poslog

FOLDER = Path(__file__).parent / "poslog"
BERLIN = Assumed(zone=ZoneInfo("Europe/Berlin"))


def document(name: str) -> bytes:
    """A fixture's bytes."""
    return (FOLDER / f"{name}.xml").read_bytes()


def transaction(
    lines: str = "",
    *,
    sequence: str = "1",
    header: str = "<CurrencyCode>EUR</CurrencyCode>",
    at: str = "<EndDateTime>2026-03-01T12:00:00Z</EndDateTime>",
    attributes: str = "",
) -> str:
    """A transaction of store 7, till 2, on the first of March 2026."""
    return (
        f"<Transaction {attributes}><RetailStoreID>7</RetailStoreID><WorkstationID>2</WorkstationID>"
        f"<SequenceNumber>{sequence}</SequenceNumber><BusinessDayDate>2026-03-01</BusinessDayDate>{at}{header}"
        f"<RetailTransaction>{lines or sale('5.50')}</RetailTransaction></Transaction>"
    )


def sale(amount: str, more: str = "", *, kind: str = "Sale", item_id: str = "milk", attributes: str = "") -> str:
    """A line of goods."""
    goods = f"<ItemID>{item_id}</ItemID><ExtendedAmount>{amount}</ExtendedAmount>{more}"
    return f"<LineItem {attributes}><{kind}>{goods}</{kind}></LineItem>"


def grand(amount: str) -> str:
    """The document's own total."""
    return f'<Total TotalType="TransactionGrandAmount">{amount}</Total>'


def poslog(*transactions: str) -> bytes:
    """A whole document."""
    return f'<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/">{"".join(transactions)}</POSLog>'.encode()


def read(body: bytes, assumed: Assumed = BERLIN, **limits: int) -> Poslog:
    """The document as the door reads it."""
    return read_poslog(body, XmlLimits(**limits), assumed, CardNumberGuard())


def only(body: bytes, assumed: Assumed = BERLIN) -> Mapped:
    """The one transaction of a document."""
    (mapped,) = read(body, assumed).transactions
    return mapped


def events(mapped: Mapped) -> list[dict[str, Any]]:
    """A transaction's events as a program sees them."""
    return [msgspec.json.decode(event) for event in mapped.events]


def fault(mapped: Mapped) -> tuple[str, str]:
    """Why a transaction is broken, and where."""
    assert mapped.fault is not None
    return mapped.fault.slug, str(mapped.fault.context.get("pointer", ""))
