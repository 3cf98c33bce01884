"""Opening stock for a data set that has none: SYNTHETIC, seeded, made from what the play is going to sell. Pure.

It is uneven on purpose: some stores have far too much of what others lack, so that there is something to reorder and to
reroute.
"""

import math
import random
from collections.abc import Mapping

COVER_WEEKS = 2.5
SHELF_UNITS = 2
"""Beside the cover: a shelf is not empty where little is sold."""
FACTORS: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 5.0)
WEIGHTS: tuple[float, ...] = (0.06, 0.14, 0.6, 0.12, 0.08)

StoreItem = tuple[str, str]


def opening_stock(sold_units: Mapping[StoreItem, int], weeks: float, seed: int) -> dict[StoreItem, int]:
    """Units on hand at the start by (store, item), from what is sold there within `weeks`.

    >>> opening_stock({("7", "milk"): 8}, weeks=4.0, seed=1) == opening_stock({("7", "milk"): 8}, weeks=4.0, seed=1)
    True
    """
    return {pair: _on_hand(pair, sold, weeks, seed) for pair, sold in sorted(sold_units.items())}


def _on_hand(pair: StoreItem, sold: int, weeks: float, seed: int) -> int:
    usual = math.ceil(sold / max(weeks, 1.0) * COVER_WEEKS) + SHELF_UNITS
    (factor,) = random.Random(f"{seed}:{pair[0]}:{pair[1]}").choices(FACTORS, WEIGHTS)
    return round(usual * factor)
