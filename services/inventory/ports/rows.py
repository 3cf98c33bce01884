"""Rows that pass between handlers and storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.inventory.domain.receipts import DemandLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """Master data of an item; the newest by (occurred_at, event_id) is in force."""

    item_id: str
    name: str
    category: str
    unit: str
    pack_milli: int
    price_cents: int | None
    cost_cents: int | None
    currency: str
    stock_keeping: bool
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """Master data of a store."""

    store_id: str
    name: str
    time_zone: str
    currency: str
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """Master data of a supply lane."""

    lane_id: str
    supplier_id: str
    store_id: str
    category: str | None
    lead_time_hours: int
    order_weekdays: tuple[int, ...]
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldReceipt:
    """What a receipt moved."""

    store_id: str
    receipt_id: str
    lines: Sequence[DemandLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidedReceipt:
    """Which receipt is taken back, and by what."""

    store_id: str
    receipt_id: str
    event_id: str
    occurred_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherDemand:
    """Units (in millionths) that vouchers of some validity will probably sell; without an item of the whole category."""

    store_id: str
    item_id: str
    category: str
    first_day: int
    last_day: int
    expected_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockView:
    """One item in one store, as the API shows it; quantities in thousandths."""

    item_id: str
    store_id: str
    on_hand_milli: int
    sold_milli: int
    reserved_milli: int
    in_transit_milli: int
    on_order_milli: int
    counted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFilter:
    """Which commands to list; None is any."""

    status: str | None = None
    kind: str | None = None
    item_id: str | None = None
    store_id: str | None = None
    after: str | None = None
    limit: int = 100
