"""The ports on PostgreSQL: batched statements, rows always taken in the order of their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append, dead_letters
from services.inventory.ports import CatalogStore, CommandStore, ReceiptStore, ReviewStore, StockStore, ViewStore
from services.inventory.store.catalog import PostgresCatalog
from services.inventory.store.commands import PostgresCommands
from services.inventory.store.receipts import PostgresReceipts
from services.inventory.store.reviews import PostgresReviews
from services.inventory.store.stock import PostgresStock
from services.inventory.store.views import PostgresViews

_STILL_THERE = text("SELECT 1")


@dataclass(frozen=True, slots=True)
class PostgresInventory:
    """Fits InventoryStore within one transaction."""

    tx: Transaction
    catalog: CatalogStore
    receipts: ReceiptStore
    stock: StockStore
    commands: CommandStore
    reviews: ReviewStore
    views: ViewStore

    async def forget_dead_letters(self, keys: Sequence[str]) -> int:
        """As the port promises."""
        return await dead_letters.forget_keys(self.tx, keys)

    async def append(self, messages: Sequence[OutboxMessage]) -> None:
        """Let events leave if and only if this transaction commits."""
        await append(self.tx, messages)

    async def still_there(self) -> None:
        """End the idle time that the server counts."""
        await self.tx.connection.execute(_STILL_THERE)


def store_of(tx: Transaction) -> PostgresInventory:
    """The store within `tx`."""
    commands = PostgresCommands(tx)
    return PostgresInventory(
        tx=tx,
        catalog=PostgresCatalog(tx),
        receipts=PostgresReceipts(tx),
        stock=PostgresStock(tx),
        commands=commands,
        reviews=PostgresReviews(tx, commands),
        views=PostgresViews(tx),
    )
