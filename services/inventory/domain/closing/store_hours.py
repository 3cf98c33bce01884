"""When stores sell, as moments of a UTC day; used by the day's close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from libs.common.zones import known_zone
from services.inventory.domain.closing.day_facts import selling_hours
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.stock.shelves import start_of

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHours:
    """When a store sells, in seconds of its own clock's day; a zone that nobody knows is read as UTC."""

    time_zone: str = "UTC"
    opens_at_seconds: int = 8 * 3600
    closes_at_seconds: int = 22 * 3600


def selling_times(store_ids: Sequence[str], day: int, hours: Mapping[str, StoreHours]) -> tuple[IntArray, IntArray]:
    """When each row's store begins and ends to sell on a day, in microseconds; one without master data sells from 8 to 22 UTC."""
    noon = start_of(day) + timedelta(hours=12)
    begins_at = int(start_of(day).timestamp()) * _MICROSECONDS
    ids = sorted(set(store_ids))
    known = [hours.get(store_id, StoreHours()) for store_id in ids]
    offsets = [_offset_seconds(one.time_zone, noon) for one in known]
    opens, closes = selling_hours(
        begins_at, offsets, [one.opens_at_seconds for one in known], [one.closes_at_seconds for one in known]
    )
    place = {store_id: where for where, store_id in enumerate(ids)}
    rows = np.array([place[store_id] for store_id in store_ids], dtype=np.int64)
    return opens[rows], closes[rows]


def _offset_seconds(time_zone: str, at: datetime) -> int:
    offset = at.astimezone(ZoneInfo(known_zone(time_zone))).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
