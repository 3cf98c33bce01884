"""What is known ahead of a shelf's demand, promotions and vouchers, and how much either is found to sell; used by the close.

Symbols: c a promotion's class (domain/demand/promotions.py), L its lift: how many times the demand of an ordinary day,

    L_c(item) = (sum y_c / base + k g_c) / (sum b_c + k),  g_c the chain's lift,  b what an ordinary day would have sold,

both shrunk; and u the uplift of vouchers: units more per unit that vouchers were expected to sell. Rates are learned from demand with
both taken out, so that a promotion's end or a voucher's use does not stay in what sells by itself.
"""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.facts import FloatArray, IntArray, Shelves
from services.inventory.domain.learning.layout import LIFTS
from services.inventory.domain.learning.pooling import Pooled
from services.inventory.domain.learning.state import ItemStates

_USUAL_LIFTS: FloatArray = np.array([1.0, 1.1, 1.5, 1.6, 2.0, 2.2])
_CHAIN_PRIOR, _ITEM_PRIOR, _BASE_PRIOR = 30.0, 5.0, 20.0
LEAST_LIFT, GREATEST_LIFT = 0.3, 8.0
_DECAY = float(np.exp2(-1 / 400))
_USUAL_UPLIFT_WEIGHT = 50.0
GREATEST_UPLIFT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Classes of promotion, per row of the day that is closed and a row a day after it; units expected on vouchers on those days.

    What was expected of the day that is closed is remembered by its shelf: vouchers used meanwhile are no longer expected.
    """

    promoted: IntArray
    promoted_ahead: IntArray
    """A row a day, the first is tomorrow."""

    vouchers_ahead: FloatArray

    @classmethod
    def nothing(cls, rows: int) -> "Known":
        """No promotion and no voucher."""
        no_day = np.zeros((0, rows))
        return cls(
            promoted=np.zeros(rows, dtype=np.int64), promoted_ahead=no_day.astype(np.int64), vouchers_ahead=no_day
        )


def lift_table(states: ItemStates, pooled: Pooled) -> FloatArray:
    """The lift of each class, a row a class, a column an item; 1 for no promotion."""
    sold, expected = pooled.lift
    chain = (sold + _CHAIN_PRIOR * _USUAL_LIFTS) / (expected + _CHAIN_PRIOR)
    chain = chain / chain[0]
    own_sold, own_expected = states.read("lift_sold"), states.read("lift_expected")
    base = (own_sold[0] + _BASE_PRIOR) / (own_expected[0] + _BASE_PRIOR)
    lifts = (own_sold / base + _ITEM_PRIOR * chain[:, None]) / (own_expected + _ITEM_PRIOR)
    lifts[0] = 1.0
    found: FloatArray = np.clip(lifts, LEAST_LIFT, GREATEST_LIFT)
    return found


def lifts_of(table: FloatArray, item_of: IntArray, promoted: IntArray) -> FloatArray:
    """The lift of each row in its class; `promoted` may have a row a day."""
    if not promoted.any():
        return np.ones(promoted.shape)
    found: FloatArray = table[promoted, item_of]
    return found


def uplift(pooled: Pooled) -> float:
    """Units more per unit expected on vouchers."""
    sold, expected = pooled.vouchers
    return float(np.clip((sold + _USUAL_UPLIFT_WEIGHT) / (expected + _USUAL_UPLIFT_WEIGHT), 0.0, GREATEST_UPLIFT))


def learn(
    states: ItemStates, shelves: Shelves, promoted: IntArray, asked: FloatArray, ordinary: FloatArray, due: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Take in what was asked for beside what an ordinary day would have sold; returns both summed by class, for the chain."""
    place = shelves.item_of * LIFTS + promoted
    items = len(shelves.item_ids)
    sums: list[FloatArray] = []
    for name, added in (("lift_sold", asked * due), ("lift_expected", ordinary * due)):
        counted = np.bincount(place, weights=added, minlength=items * LIFTS).astype(np.float64, copy=False)
        day = counted.reshape(items, LIFTS).T
        states.keep(name, _DECAY * states.read(name) + day)
        sums.append(day)
    return sums[0], sums[1]


def uplift_seen(vouchers: FloatArray, asked: FloatArray, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Per row what the day says of vouchers: weighted least squares of demand beyond `mean` on units expected."""
    weight = np.minimum(1 / np.maximum(mean + vouchers, 0.01), 30.0)
    return weight * vouchers * (asked - mean), weight * vouchers * vouchers
