"""What the handlers need of vouchers and promotions, as protocols and rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.inventory.domain.demand.promotions import Promotion
from services.inventory.domain.vouchers.lines import VoucherLine
from services.inventory.domain.vouchers.vouchers import Lesson, Line, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRow:
    """A promotion as the newest fact tells it."""

    promotion: Promotion
    cancelled: bool
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfQuestion:
    """Whether any of these items (of the category, where none is named) lay on a store's shelf at a moment."""

    store_id: str
    category: str
    item_ids: tuple[str, ...]
    at: datetime


class VoucherStore(Protocol):
    """What was heard of vouchers, and the sums over it. Rows are taken in order: vouchers, lines, lessons."""

    async def lock(self, voucher_ids: Collection[str]) -> Mapping[str, Standing]:
        """What is known of each, locked until the commit; an empty standing for one that is new."""
        ...

    async def keep(self, standings: Mapping[str, tuple[Standing, int]]) -> None:
        """Replace what is known, with the last day on which it matters."""
        ...

    async def expect(self, changes: Mapping[Line, tuple[int, int]]) -> None:
        """Add millionths of a unit, and open vouchers, to lines."""
        ...

    async def learn(self, changes: Mapping[Lesson, int]) -> None:
        """Add to the sums of lessons."""
        ...

    async def empty_shelves(self, questions: Sequence[ShelfQuestion]) -> Sequence[bool | None]:
        """Whether nothing of it lay there; None where no such shelf is known or it was never counted."""
        ...

    async def lines(self, item_id: str, category: str, from_day: int) -> Sequence[VoucherLine]:
        """The item's own lines and its category's, as far as they reach into `from_day` or later."""
        ...

    async def forget(self, before_day: int) -> int:
        """Remove vouchers and lines that ended before a day, a bounded number at a time; how many."""
        ...


class PromotionStore(Protocol):
    """Promotions that are known ahead."""

    async def keep(self, rows: Collection[PromotionRow]) -> None:
        """Keep what is newer than what is known; at most one row a promotion."""
        ...

    async def of_items(self, item_ids: Collection[str], from_day: int, to_day: int) -> Sequence[Promotion]:
        """Those of these items that are in force on any of these days, in the order of ids."""
        ...


class KnownAheadStore(Protocol):
    """The part of a transaction's store that holds what is known ahead."""

    @property
    def vouchers(self) -> VoucherStore:
        """Vouchers and the sums over them."""
        ...

    @property
    def promotions(self) -> PromotionStore:
        """Promotions known ahead."""
        ...
