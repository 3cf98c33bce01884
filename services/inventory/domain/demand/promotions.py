"""Promotions that are known ahead, as classes by item, store and day: how prominent each is; used by the forecast, the API and evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from services.inventory.domain.distribution import IntArray


class Mailer(IntEnum):
    """Where in the leaflet an item stands."""

    NONE = 0
    INSIDE = 1
    FRONT = 2
    """The first or the last page."""


CLASSES = 6
"""Three places in the leaflet, each without and with a display in the store; 0 is no promotion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One promotion; without stores it holds in all of them. Days are UTC days since 1970-01-01, the last one included."""

    promotion_id: str
    item_ids: Sequence[str]
    store_ids: Sequence[str] = ()
    first_day: int
    last_day: int
    mailer: Mailer = Mailer.NONE
    display: bool = False

    @property
    def kind(self) -> int:
        """Its class: 2 x mailer + display. One that names neither counts as a display."""
        return max(2 * self.mailer + self.display, 1)


def joined(first: int, second: int) -> int:
    """The class of two promotions at once: the more prominent page, a display if either has one."""
    return 2 * max(first // 2, second // 2) + max(first % 2, second % 2)


def classes(
    promotions: Iterable[Promotion], item_id: str, store_ids: Sequence[str], first_day: int, days: int
) -> IntArray:
    """The class per store (row) and day (column) of an item; `days` columns from `first_day` on."""
    found = np.zeros((len(store_ids), days), dtype=np.int64)
    place = {store_id: row for row, store_id in enumerate(store_ids)}
    for one in promotions:
        begin, end = max(one.first_day - first_day, 0), min(one.last_day - first_day + 1, days)
        if item_id not in one.item_ids or begin >= end:
            continue
        rows = (
            [place[store_id] for store_id in one.store_ids if store_id in place] if one.store_ids else range(len(found))
        )
        for row in rows:
            window = found[row, begin:end]
            found[row, begin:end] = 2 * np.maximum(window // 2, one.kind // 2) + np.maximum(window % 2, one.kind % 2)
    return found
