"""What the handlers need from storage, as protocols."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from libs.common.persistence import OutboxMessage, Transaction
from services.inventory.domain.commands.command import Command
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import Outcome
from services.inventory.domain.stock.shelves import ItemPlan, ItemView
from services.inventory.domain.stock.stock import Count, Movement
from services.inventory.ports.assortment import AssortmentStores
from services.inventory.ports.closing import ClosingStore
from services.inventory.ports.commands import CommandLog, CommandStore, ExceptionStore
from services.inventory.ports.links import LinkedStores
from services.inventory.ports.ordering import OrderingStores
from services.inventory.ports.rows import (
    CommandFilter,
    ItemRow,
    LaneRow,
    LearnedItem,
    SoldReceipt,
    StockView,
    StoreRow,
    VoidedReceipt,
)
from services.inventory.ports.unmet import UnmetStore
from services.inventory.ports.vouchers import KnownAheadStore


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


class ReviewStore(Protocol):
    """What a review reads and writes."""

    async def prepare_day(self, day: int) -> None:
        """Make the categories' levels of this day, unless they are made."""
        ...

    async def shelves_an_item(self) -> int:
        """How many shelves an item has on average, depots too, by a sample of items."""
        ...

    async def claim(self, now: datetime, limit: int, after: str = "") -> Sequence[str]:
        """Take the next items above `after` off the agenda that are touched or due, lock them, in order; those that others hold are left."""
        ...

    async def rest(self, item_ids: Collection[str], today: int) -> None:
        """Take items that are locked off the agenda; not those with commands that a review of `today` looks at, or with new shelves."""
        ...

    async def load(self, item_ids: Sequence[str], now: datetime) -> Sequence[ItemView]:
        """These items, as far as they are kept in stock, in order; with history where a plan is due."""
        ...

    async def surroundings(self, items: Sequence[ItemView], now: datetime, policy: Policy) -> Surroundings:
        """Levels, lanes and vouchers for these items."""
        ...

    async def save(self, outcome: Outcome, now: datetime, items: int) -> None:
        """Everything that was decided, but for the commands (handlers/commands/keeping.py)."""
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

    async def learned(self, item_id: str) -> LearnedItem | None:
        """What closes keep of an item; None for one that is unknown."""
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


class InventoryStore(KnownAheadStore, OrderingStores, LinkedStores, AssortmentStores, Protocol):
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
    def log(self) -> CommandLog:
        """What happened to commands."""
        ...

    @property
    def exceptions(self) -> ExceptionStore:
        """What waits for a person."""
        ...

    @property
    def reviews(self) -> ReviewStore:
        """What a review reads and writes."""
        ...

    @property
    def closing(self) -> ClosingStore:
        """What the day's close reads and writes."""
        ...

    @property
    def unmet(self) -> UnmetStore:
        """Told demand that was not served."""
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


StoreOf = Callable[[Transaction], InventoryStore]
