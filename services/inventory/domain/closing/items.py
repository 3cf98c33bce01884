"""What a day's close is given of a batch of items, and what it gives back; filled and kept by the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.inventory.domain.closing.day_facts import Moves
from services.inventory.domain.closing.links import NO_LINKS, ClosingLinks, ItemLink
from services.inventory.domain.closing.store_hours import StoreHours
from services.inventory.domain.closing.unmet import Unmet
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.learning.calibration import Coverage
from services.inventory.domain.learning.facts import Rules
from services.inventory.domain.learning.pooling import Contribution, Pooled
from services.inventory.domain.stock.shelves import ItemPlan, ItemView


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingItem:
    """One item as its day is closed; arrays in the order of its stores."""

    view: ItemView
    sold_milli: IntArray
    """What each shelf ever sold."""

    state: bytes | None
    learned_milli: Mapping[str, int]
    """By store, how much of that was learned."""

    told: Mapping[str, int]
    """By store the availability that offers was told last."""

    moves: Moves
    """`row` is the store's place within the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateOrder:
    """An order that is later than its lane said and not here; `expected_at` lies after the close."""

    item_id: str
    store_id: str
    needed_at: datetime
    expected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingDay:
    """What all batches of a day share."""

    day: int
    pooled: Pooled
    rules: Rules
    hours: Mapping[str, StoreHours]
    links: ClosingLinks = NO_LINKS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedItems:
    """What a batch came to, item by item, and what it adds to the chain's knowledge."""

    states: Sequence[bytes | None]
    learned_milli: Sequence[IntArray]
    plans: Sequence[ItemPlan]
    contribution: Contribution
    coverage: Coverage
    links: Sequence[ItemLink] = ()
    """Those of which something was learned."""

    hidden: Sequence[Unmet] = ()
    """What empty shelves hid."""
