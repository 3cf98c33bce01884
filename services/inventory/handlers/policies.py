"""How item classes and shelves are ordered, as the chain says it; each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.persistence import Transactions
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.ports.policies import ShelfRow, VersionedBook
from services.inventory.ports.stores import StoreOf


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDesk:
    """Reads and keeps what the chain says; every method raises RetryableError when the database does not answer."""

    transactions: Transactions
    store_of: StoreOf

    async def newest(self) -> VersionedBook:
        """The policies in force; version 0 before anybody said anything."""
        async with self.transactions.begin() as tx:
            return await self.store_of(tx).policies.newest()

    async def put(self, book: PolicyBook, author: str) -> VersionedBook:
        """The policies as they stand afterwards; the same again make no new version. Raises Conflict."""
        async with self.transactions.begin() as tx:
            policies = self.store_of(tx).policies
            known = await policies.newest()
            if known.book == book and known.version:
                return known
            await policies.put(book, known.version + 1, author)
            return await policies.newest()

    async def keep_shelves(self, rows: Sequence[ShelfRow]) -> int:
        """Keep the shelf plan of these shelves, of repeats the last; returns how many shelves."""
        last = {(row.item_id, row.store_id): row for row in rows}
        async with self.transactions.begin() as tx:
            store = self.store_of(tx)
            await store.stock.touch({row.item_id for row in last.values()})
            await store.policies.keep_shelves(last.values())
        return len(last)
