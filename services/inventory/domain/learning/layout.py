"""The arrays a shelf's and an item's learning consist of: names, widths and kinds, once, for memory and for bytes alike."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from services.inventory.domain.learning.facts import LINE_SIZES, WEEK, FloatArray

SAFETY: Final[FloatArray] = np.array([0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.1, 3.6, 4.2])
"""Safety factors that every shelf's shadow shops are played with."""

FEATURES = 8
MOMENTS = 5
"""Numbers that a regression of squared errors on the mean and its square is made of."""

LIFTS = 6
"""Classes of promotions (domain/demand/promotions.py)."""

OWN_HALF_LIVES: Final[tuple[float, ...]] = (7.0, 28.0, 90.0)
ITEM_HALF_LIVES: Final[tuple[float, ...]] = (3.0, 14.0, 60.0)
STORE_HALF_LIVES: Final[tuple[float, ...]] = (7.0, 60.0)

Stored = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Field:
    """One array: `width` rows of numbers, a column per shelf (or per item)."""

    name: str
    width: int
    kind: type[np.generic] = np.float32


PER_SHELF: Final[tuple[Field, ...]] = (
    Field("days_seen", 1, np.uint16),
    Field("own_sold", len(OWN_HALF_LIVES)),
    Field("own_days", len(OWN_HALF_LIVES)),
    Field("week_features", FEATURES),
    Field("week_sold", 1),
    Field("week_mean", 1),
    Field("day_error", 1),
    Field("vouchers_due", 1),
    Field("stray", 2),
    Field("stray_weight", 2),
    Field("shadow_stock", len(SAFETY)),
    Field("shadow_cost", len(SAFETY)),
)
PER_ITEM: Final[tuple[Field, ...]] = (
    Field("item_sold", len(ITEM_HALF_LIVES)),
    Field("item_days", len(ITEM_HALF_LIVES)),
    Field("weekday_sold", WEEK),
    Field("weekday_expected", WEEK),
    Field("error_moments", 2 * MOMENTS),
    Field("lift_sold", LIFTS),
    Field("lift_expected", LIFTS),
    Field("line_sizes", LINE_SIZES),
    Field("late", 2),
)
