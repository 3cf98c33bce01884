"""What the handlers of policies need from storage."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from services.inventory.domain.policies.classes import PolicyBook


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedBook:
    """A policy book and which version it is."""

    book: PolicyBook
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfRow:
    """What the shelf plan says of one item in one store, in thousandths; None: nothing."""

    item_id: str
    store_id: str
    capacity_milli: int | None
    presentation_milli: int | None


class PolicyStore(Protocol):
    """Policies of item classes, and the shelf plan."""

    async def newest(self) -> VersionedBook:
        """The book in force."""
        ...

    async def put(self, book: PolicyBook, version: int, author: str) -> None:
        """Keep a new version and have what no close has planned planned anew; raises Conflict when somebody else put that version."""
        ...

    async def keep_shelves(self, rows: Collection[ShelfRow]) -> None:
        """Keep what the shelf plan says, at most one row a shelf; their items must be touched before."""
        ...
