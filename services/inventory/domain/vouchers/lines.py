"""When printed vouchers will sell what: dated lines from sums of promises and from what ended vouchers taught; used by plans and the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.vouchers.vouchers import WINDOW_PARTS

USUAL_PARTS = 5.0
"""How many redemptions the even spread over a window weighs, per part."""

USUAL_UNITS = 20.0
"""How many expected units the offers' own chances weigh against what really came."""

LEAST_USE, GREATEST_USE = 0.1, 3.0
LEAST_LEFT = 0.05
"""Of those printed, the least share that is taken to be open still."""


@dataclass(frozen=True, slots=True)
class VoucherHabits:
    """What ended vouchers taught of a category: how many units came of each promised, and in which part of the window."""

    use_ratio: float = 1.0
    parts: FloatArray = field(default_factory=lambda: np.full(WINDOW_PARTS, 1 / WINDOW_PARTS))

    @classmethod
    def of(cls, figures: Mapping[str, int]) -> "VoucherHabits":
        """From the sums of lessons of a category (figure: amount), shrunk to the offers' own word and an even spread."""
        promised, used = figures.get("promised", 0) / 1e6, figures.get("used", 0) / 1e6
        ratio = (used + USUAL_UNITS) / (promised + USUAL_UNITS)
        parts = np.array([figures.get(f"part-{part}", 0) for part in range(WINDOW_PARTS)]) + USUAL_PARTS
        return cls(float(np.clip(ratio, LEAST_USE, GREATEST_USE)), parts / parts.sum())

    def share(self, start: float, end: float) -> float:
        """The share of a window's use that falls between two places in it (0 is its begin, 1 its end)."""
        edges = np.linspace(0, 1, WINDOW_PARTS + 1)
        until = np.concatenate([[0.0], np.cumsum(self.parts)])
        low, high = np.interp([start, end], edges, until)
        return float(high - low)


USUAL_HABITS = VoucherHabits()


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """Units that open vouchers of one window promise of an item or of a category in a store."""

    store_id: str
    item_id: str | None
    category: str | None
    first_day: int
    last_day: int
    units: float
    vouchers: int = 0
    """How many vouchers are open; 0: told by a release that did not count them."""

    habits: VoucherHabits = USUAL_HABITS

    def units_within(self, day: int, days: float, today: int | None = None) -> float:
        """Units expected in the `days` from `day` on, of those still open as `today` begins (`day` if not given).

        With r the mean chance of a voucher and F the share of use that lies behind: who has not come yet still comes with
        r (1 - F) / (1 - r F), spread over the rest of the window as over all of it.
        """
        length = self.last_day - self.first_day + 1
        now = max((day if today is None else today) - self.first_day, 0) / length
        start = max(max(day - self.first_day, 0) / length, now)
        end = (min(self.last_day + 1, day + days) - self.first_day) / length
        if end <= start:
            return 0.0
        gone = self.habits.share(0.0, now)
        chance = min(self.units * self.habits.use_ratio / self.vouchers, 1.0) if self.vouchers else 0.0
        return self.units * self.habits.use_ratio * self.habits.share(start, end) / max(1.0 - chance * gone, LEAST_LEFT)


def by_day(lines: Sequence[VoucherLine], today: int, days: int) -> FloatArray:
    """What `units_within` says of each line (row) and each of the coming `days` (column), `today` first."""
    if not lines:
        return np.zeros((0, days))
    habits = {id(one.habits): one.habits for one in lines}
    place = {key: row for row, key in enumerate(habits)}
    until = np.array([np.concatenate([[0.0], np.cumsum(one.parts)]) for one in habits.values()])
    habit = np.array([place[id(one.habits)] for one in lines])
    first = np.array([one.first_day for one in lines])
    length = np.array([one.last_day - one.first_day + 1 for one in lines])
    units = np.array([one.units * one.habits.use_ratio for one in lines])
    vouchers = np.array([one.vouchers for one in lines])
    edges = today + np.arange(days + 1)
    spot = np.clip((edges[None, :] - first[:, None]) / length[:, None], 0.0, 1.0) * WINDOW_PARTS
    part = np.minimum(spot.astype(np.int64), WINDOW_PARTS - 1)
    low, high = until[habit[:, None], part], until[habit[:, None], part + 1]
    behind = low + (high - low) * (spot - part)
    chance = np.minimum(units / np.maximum(vouchers, 1), 1.0) * (vouchers > 0)
    left = np.maximum(1.0 - chance * behind[:, 0], LEAST_LEFT)
    found: FloatArray = np.diff(behind, axis=1) * (units / left)[:, None]
    return found


def daily(lines: Sequence[VoucherLine], today: int, days: int) -> FloatArray:
    """Units expected on each of the coming `days`, `today` first."""
    total: FloatArray = by_day(lines, today, days).sum(axis=0)
    return total
