"""How shelves are supplied, counted in nights, as learning sees it; used by the day's close and by transfers."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from services.inventory.domain.catalog import Lane
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.learning.facts import Supply
from services.inventory.domain.stock.shelves import day_of, start_of

_OPENING_HOUR = 8
"""What comes before this hour is there when the store opens."""

Rhythm: TypeAlias = tuple[int, int, int]
"""Nights until an order goes out, from then until it is on the shelf, and from there to the next chance to order."""


def supply_of(rhythms: Sequence[Rhythm], late_from: IntArray, late_until: IntArray) -> Supply:
    """The supply of rows with these rhythms."""
    wait_days, lead_days, review_days = np.array(rhythms, dtype=np.int64).reshape(-1, 3).T
    return Supply(
        wait_days=wait_days, lead_days=lead_days, review_days=review_days, late_from=late_from, late_until=late_until
    )


def shelf_day(at: datetime) -> int:
    """The day that finds on its shelf, as the store opens, what comes at this moment."""
    return day_of(at + timedelta(hours=24 - _OPENING_HOUR) - timedelta(microseconds=1))


def rhythm_of(lane: Lane, day: int) -> Rhythm:
    """Nights until an order goes out, from then until it is on the shelf in the morning, and to the next chance after that.

    `day` is the one that begins with this night; order days, cut-off and closed days are the lane's.
    """
    first = lane.orders_at(start_of(day))
    following = lane.orders_after(first)
    hours = (lane.arrives_at(start_of(day)) - start_of(day_of(first))).total_seconds() / 3600
    nights = 1 + math.ceil(max(hours - _OPENING_HOUR, 0) / 24)
    return day_of(first) - day, nights, max(day_of(following) - day_of(first), 1)
