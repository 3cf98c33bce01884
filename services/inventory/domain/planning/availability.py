"""Whether an item will be there for a voucher: from what is on hand, what is promised and what comes in time; used by the review."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from services.inventory.domain.distribution import FloatArray, IntArray

HORIZON_DAYS = 14
"""How long a voucher printed today may be used: what arrives by then counts."""

LOW_COVER_DAYS = 3.0
_STATUSES = 4
"""Told codes are a status, and above it by how many days what will end unsold still lasts."""


class Availability(IntEnum):
    """What offers is told; UNKNOWN is what it has not been told yet."""

    UNKNOWN = -1
    NONE = 0
    LOW = 1
    PLENTY = 2

    @property
    def word(self) -> str:
        """As contracts and metrics write it."""
        return self.name.lower()


def statuses(available_milli: IntArray, incoming_milli: IntArray, rate: FloatArray) -> npt.NDArray[np.int8]:
    """Per shelf: none when nothing is there or coming, low when no more is on the shelf than a few days sell, else plenty."""
    soon_gone = np.maximum(rate * LOW_COVER_DAYS * 1000, 0)
    found = np.where(available_milli > soon_gone, Availability.PLENTY, Availability.LOW)
    return np.where(available_milli + incoming_milli <= 0, Availability.NONE, found).astype(np.int8)


def with_surplus(statuses: npt.NDArray[np.int8], surplus_day: IntArray, today: int) -> npt.NDArray[np.int8]:
    """Codes that change where the status changes, where a surplus begins or ends, and with each day that it lasts less.

    `surplus_day` is its last day, 0 where there is none.
    """
    left = np.where(surplus_day > 0, np.clip(surplus_day - today, 0, HORIZON_DAYS) + 1, 0)
    codes: npt.NDArray[np.int8] = (statuses + _STATUSES * left).astype(np.int8)
    return codes


def status_of(code: int) -> Availability:
    """The status in a code.

    >>> [status_of(code).word for code in (2, 6, 9)]
    ['plenty', 'plenty', 'low']
    """
    return Availability(code % _STATUSES)
