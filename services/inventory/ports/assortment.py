"""What the handlers of assortment need from storage."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.inventory.domain.assortment.likeness import Range
from services.inventory.domain.assortment.placements import Traits
from services.inventory.domain.assortment.searches import Interest, Match
from services.inventory.domain.assortment.stop_rule import StopRule
from services.inventory.domain.assortment.trials import Judgement
from services.inventory.domain.closing.unmet import Unmet


@dataclass(frozen=True, slots=True, kw_only=True)
class AssortmentItem:
    """An item as searches and look-alikes see it; the newest by (occurred_at, event_id) is in force."""

    item_id: str
    name: str
    category: str
    item_type: str
    brand: str | None
    price_cents: int | None
    stock_keeping: bool
    words: frozenset[str]
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssortmentPlace:
    """A store and its region."""

    store_id: str
    region: str | None
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the chain carries where, and what is known of each of these items, in the same order."""

    carried: Range
    traits: Sequence[Traits] = ()
    names: Sequence[str] = ()
    regions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An item that was introduced in a store, the rule it is under, and how it does."""

    item_id: str
    store_id: str
    started_at: datetime
    started_day: int
    started_by: str
    rule: StopRule
    says: str
    judgement: Judgement
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A trial that is not over, with what was asked for on each day since the item first lay there."""

    trial: Trial
    asked: Sequence[float]


class AssortmentStore(Protocol):
    """Items as searches see them, searches and what empty shelves hid, counted."""

    async def keep_items(self, rows: Collection[AssortmentItem]) -> None:
        """Keep what is newer than what is known; at most one row an item."""
        ...

    async def keep_stores(self, rows: Collection[AssortmentPlace]) -> None:
        """The same for stores."""
        ...

    async def matches(self, searches: Sequence[frozenset[str]]) -> Sequence[Sequence[Match]]:
        """For each search the items in whose words all of its words stand, in order, a bounded number."""
        ...

    async def count(self, interests: Sequence[Interest]) -> None:
        """Add searches; at most one of a subject, place and week, in order."""
        ...

    async def hide(self, hidden: Sequence[Unmet]) -> None:
        """Keep what empty shelves hid of items on one day, in the place of what was said of these items and day."""
        ...

    async def hidden(self, from_day: int, to_day: int) -> Mapping[tuple[str, str], float]:
        """What empty shelves hid over these days, both included, in units by (item, store)."""
        ...

    async def searches(self, from_week: int, to_week: int) -> Sequence[Interest]:
        """Those of these weeks, both included."""
        ...

    async def chain(self) -> Chain:
        """What is carried where, as last planned. A shelf that is empty and has not moved for eight weeks is not carried."""
        ...

    async def traits(self, item_id: str) -> Traits | None:
        """What is known of one item; None for one that is unknown."""
        ...

    async def closed_day(self) -> int | None:
        """The newest day that was closed."""
        ...

    async def forget(self, day: int) -> None:
        """Remove what lies so far before this day that nothing asks for it."""
        ...


class TrialStore(Protocol):
    """Introductions that were decided on."""

    async def start(self, trial: Trial) -> bool:
        """Keep a trial; False where one is open for that shelf already."""
        ...

    async def open_one(self, item_id: str, store_id: str) -> Trial | None:
        """The shelf's open trial, locked until the commit."""
        ...

    async def newest(self, item_id: str, store_id: str) -> Trial | None:
        """The shelf's newest trial, open or ended."""
        ...

    async def end(self, trial: Trial, at: datetime, by: str) -> None:
        """End an open trial."""
        ...

    async def decline(
        self, item_id: str, store_id: str, by: str, reason: str | None, times: tuple[datetime, datetime]
    ) -> bool:
        """Note at the second of `times` that an introduction is not wanted; False where that was said since the first."""
        ...

    async def decided(self, store_id: str, since: datetime) -> Collection[str]:
        """Items that are on trial in a store, or were declined or ended there since."""
        ...

    async def listed(
        self, store_id: str | None, standing: str | None, after: tuple[str, str], limit: int
    ) -> Sequence[Trial]:
        """Open trials above `after` in the order of (store, item)."""
        ...

    async def watched(self, day: int, limit: int) -> Sequence[Watched]:
        """Open trials that are not over and were not looked at on this closed day, locked; those that others hold are left."""
        ...

    async def judge(self, trial: Trial, judgement: Judgement, day: int) -> None:
        """Note how a trial does as of a closed day."""
        ...


class AssortmentStores(Protocol):
    """The part of a transaction's store that holds them."""

    @property
    def assortment(self) -> AssortmentStore:
        """Searches, hidden demand and what is carried where."""
        ...

    @property
    def trials(self) -> TrialStore:
        """Introductions that were decided on."""
        ...
