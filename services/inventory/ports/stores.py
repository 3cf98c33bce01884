"""What the handlers need from storage, as protocols."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.inventory.domain.command import Answer, Command
from services.inventory.domain.planning import Surroundings
from services.inventory.domain.replenishment import Policy
from services.inventory.domain.review import Outcome
from services.inventory.domain.shelves import ItemPlan, ItemView
from services.inventory.domain.stock import Count, Movement
from services.inventory.ports.rows import (
    CommandFilter,
    ItemRow,
    LaneRow,
    SoldReceipt,
    StockView,
    StoreRow,
    VoidedReceipt,
    VoucherDemand,
)


class CatalogStore(Protocol):
    """Newest master data."""

    async def keep_items(self, rows: Collection[ItemRow]) -> None:
        """Keep what is newer than what is known; at most one row an item."""
        ...

    async def keep_stores(self, rows: Collection[StoreRow]) -> None:
        """The same for stores."""
        ...

    async def keep_lanes(self, rows: Collection[LaneRow]) -> None:
        """The same for lanes."""
        ...

    async def not_kept(self, item_ids: Collection[str]) -> Collection[str]:
        """Those that are known to be no goods on a shelf."""
        ...


class ReceiptStore(Protocol):
    """What receipts moved, and voids that wait for theirs."""

    async def register(self, sold: Collection[SoldReceipt]) -> Sequence[tuple[SoldReceipt, VoidedReceipt]]:
        """Remember what was sold, one row a receipt; returns those that were voided before they came, with their void."""
        ...

    async def void(self, voided: Collection[VoidedReceipt]) -> Sequence[tuple[SoldReceipt, VoidedReceipt]]:
        """Remember voids, one a receipt, the first counts; returns those whose receipt is known. The others wait for it."""
        ...


class StockStore(Protocol):
    """Stock by item and store; rows are taken in the order of (item, store)."""

    async def move(self, movements: Sequence[Movement]) -> None:
        """Apply sums of movements, in order, one per item, store and moment."""
        ...

    async def count(self, counts: Sequence[Count]) -> None:
        """Apply counts, in order, one per item and store; a count older than the one in force changes nothing."""
        ...

    async def touch(self, item_ids: Collection[str]) -> None:
        """Put items on the next review's agenda and hold their lock until the commit."""
        ...

    async def expect(self, demand: Collection[VoucherDemand]) -> None:
        """Add what vouchers will probably sell."""
        ...


class CommandStore(Protocol):
    """Commands and the answers to them."""

    async def lock(self, command_ids: Collection[str]) -> Mapping[str, Command]:
        """Those that exist, locked until the commit. Touch their items before."""
        ...

    async def items_of(self, command_ids: Collection[str]) -> Mapping[str, str]:
        """The item of each command that exists, not locked."""
        ...

    async def save(self, commands: Collection[Command]) -> None:
        """Insert or replace, in the order of ids."""
        ...

    async def remember(self, answers: Sequence[tuple[Answer, str | None, datetime]]) -> Sequence[Answer]:
        """Note answers with their reason and time; returns those not noted before, in the given order."""
        ...


class ReviewStore(Protocol):
    """What a review reads and writes."""

    async def prepare_day(self, day: int) -> None:
        """Make the categories' levels of this day, unless they are made."""
        ...

    async def claim(self, now: datetime, limit: int) -> Sequence[str]:
        """Take the next items off the agenda that are touched or due, lock them, in order; those that others hold are left."""
        ...

    async def load(self, item_ids: Sequence[str], now: datetime) -> Sequence[ItemView]:
        """These items, as far as they are kept in stock, in order; with history where a plan is due."""
        ...

    async def surroundings(self, items: Sequence[ItemView], now: datetime, policy: Policy) -> Surroundings:
        """Levels, lanes and vouchers for these items."""
        ...

    async def save(self, outcome: Outcome, now: datetime, items: int) -> None:
        """Everything that was decided, but for the commands' way out."""
        ...


class ViewStore(Protocol):
    """What the API shows."""

    async def stock(
        self, store_id: str | None, item_id: str | None, after: tuple[str, str], limit: int
    ) -> Sequence[StockView]:
        """Stock rows above `after` in the order of (item, store)."""
        ...

    async def plan(self, item_id: str) -> ItemPlan | None:
        """An item's last plan."""
        ...

    async def commands(self, wanted: CommandFilter) -> Sequence[Command]:
        """Commands in the order of ids."""
        ...

    async def command(self, command_id: str) -> Command | None:
        """One command."""
        ...

    async def gauges(self) -> Mapping[str, Mapping[tuple[str, ...], float]]:
        """What metrics show, by gauge and label values."""
        ...


class InventoryStore(Protocol):
    """All of it within one transaction."""

    @property
    def catalog(self) -> CatalogStore:
        """Newest master data."""
        ...

    @property
    def receipts(self) -> ReceiptStore:
        """Receipts and voids."""
        ...

    @property
    def stock(self) -> StockStore:
        """Stock by item and store."""
        ...

    @property
    def commands(self) -> CommandStore:
        """Commands and answers."""
        ...

    @property
    def reviews(self) -> ReviewStore:
        """What a review reads and writes."""
        ...

    @property
    def views(self) -> ViewStore:
        """What the API shows."""
        ...

    async def forget_dead_letters(self, keys: Sequence[str]) -> int:
        """Remove what could not be read and lies under these keys; how many."""
        ...

    async def append(self, messages: Sequence[OutboxMessage]) -> None:
        """Let events leave if and only if this transaction commits."""
        ...

    async def still_there(self) -> None:
        """Let the database see that this transaction waits for work elsewhere and was not forgotten."""
        ...
