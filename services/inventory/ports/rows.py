"""Rows that pass between handlers and storage."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from services.inventory.domain.commands.changes import Change
from services.inventory.domain.commands.command import Command
from services.inventory.domain.stock.receipts import DemandLine


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
    shelf_life_days: int | None = None
    layer_packs: int = 1
    least_packs: int = 1
    weight_grams: int = 0
    volume_ml: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """Master data of a store."""

    store_id: str
    name: str
    time_zone: str
    currency: str
    opens_at_seconds: int
    closes_at_seconds: int
    occurred_at: datetime
    event_id: str
    kind: str = "store"
    """`store` or `depot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """Master data of a supply lane."""

    lane_id: str
    supplier_id: str
    store_id: str
    category: str | None
    lead_time_hours: int
    order_weekdays: tuple[int, ...]
    rank: int
    occurred_at: datetime
    event_id: str
    cutoff_at: time | None = None
    time_zone: str = "UTC"
    closed_on: tuple[date, ...] = ()
    truck_units: int | None = None
    truck_grams: int | None = None
    truck_ml: int | None = None
    fills_truck: bool = False
    budget_cents: int | None = None
    minimum_cents: int | None = None
    depot_id: str | None = None
    """The chain's own depot that it begins at."""


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
    empty_ratio: float | None = None
    """How likely it is that the shelf is empty, where a count was asked for and is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedItem:
    """What the closes keep of an item: its state as of the close of `day`, and the chain's knowledge by then; None before the first."""

    category: str
    day: int
    state: bytes | None
    pooled: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFilter:
    """Which commands to list; None is any."""

    status: str | None = None
    kind: str | None = None
    item_id: str | None = None
    store_id: str | None = None
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """A change in the log. `position` is 0 until it was numbered, moments after its commit."""

    position: int
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which changes a reader wants; None (or nothing) is any. `store_id` is where goods are wanted or come from."""

    changes: frozenset[str] = frozenset()
    kind: str | None = None
    item_id: str | None = None
    store_id: str | None = None
    supplier_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """A page of the log. `reached` is the cursor to go on from: everything up to it was looked at, wanted or not."""

    entries: Sequence[LoggedChange]
    reached: int
    is_full: bool
    """Whether there may be more at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRow:
    """A command that waits for a person, and why in one line."""

    command: Command
    reason: str
    since: datetime
