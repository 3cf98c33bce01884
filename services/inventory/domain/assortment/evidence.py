"""What a line of a list rests on, in figures and words; shared by the lists."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.assortment.likeness import Range
from services.inventory.domain.assortment.searches import Sought
from services.inventory.domain.learning.facts import FloatArray, IntArray

SHOWN_WEEKS = 4
"""Searches and empty shelves of so many whole weeks are looked at."""
UNITS_PER_SEARCH = 0.1
"""What a search counts beside a unit: one in ten buys."""
UNKNOWN_PRICE_CENTS = 250.0
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """What something sells a week: an item in a comparable store, or a look-alike in the store itself."""

    item_id: str
    store_id: str
    units_week: float


def prices_of(known: Sequence[int | None]) -> FloatArray:
    """Prices in minor units; an unknown one is the median of those that are known."""
    given = [price for price in known if price]
    usual = float(np.median(given)) if given else UNKNOWN_PRICE_CENTS
    return np.array([float(price or usual) for price in known])


def wanted_week(expected: float, sought: Sought) -> float:
    """Units a week that a line is ranked by: what would sell, and what was searched for; more of either never ranks lower."""
    return expected + UNITS_PER_SEARCH * sought.searches / SHOWN_WEEKS


def spread_over(carried: Range, item: int, stores: IntArray, expected: float) -> float:
    """The variance of a week over its mean at the expected rate, as these stores show it."""
    known = carried.excess[item, stores]
    return 1.0 + (float(np.median(known)) if len(known) else 0.0) * max(expected, 0.0)


def sought_words(sought: Sought) -> str:
    """What visitors searched for, or nothing."""
    if not sought.searches:
        return ""
    words = (
        f"searched for {sought.searches} times in {SHOWN_WEEKS} weeks, by {sought.visitors} visitors in a week or more"
    )
    return words + (f", {sought.unanswered} times without a result" if sought.unanswered else "")


def listed(sellers: Sequence[Seller], name: str) -> str:
    """The first few with what they sell; `name` is the member that names them."""
    shown = ", ".join(f"{getattr(one, name)}: {one.units_week:.1f}" for one in sellers[:_NAMED])
    return f"({shown}{', ..' if len(sellers) > _NAMED else ''})"


def sentence(parts: Sequence[str]) -> str:
    """Parts as one line, empty ones left out."""
    words = "; ".join(part for part in parts if part)
    return words[:1].upper() + words[1:] + "."
