"""Phantom stock: the book says there is some, and nobody buys any. How likely the shelf is really empty, and whether to look; pure.

Symbols: t whole days since anything moved or was counted, h the chance that a shelf becomes wrong on a day (emptied without a sale, mislaid,
broken), P0(s) the chance that s days pass without a sale on a shelf that is right, by its forecast. It went wrong on day s of the silence, or not
at all:

    wrong = sum over s < t of h (1 - h)^s P0(s)        right = (1 - h)^t P0(t)        P(empty | silence) = wrong / (wrong + right)

So a slow seller is trusted for long, a fast one for a day or two. A person is sent to count, never a lorry: an order would only add to
a book that is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.distribution import FloatArray, IntArray

_LEAST_RATE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPolicy:
    """When a shelf is worth a walk."""

    wrong_ratio_per_day: float = 0.001
    """The chance that a shelf becomes wrong on a day: about one in three a year."""
    least_intervals: float = 3.0
    """Silence is none before it lasts this many times the usual time between two sales."""
    least_ratio: float = 0.5
    """How likely it must be that the shelf is empty."""
    count_cents: int = 100
    """What a count costs."""
    worth_days: float = 14.0
    """For how long a wrong shelf would stay so if nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentShelf:
    """One shelf with a book above nothing on which nothing has moved."""

    item_id: str
    store_id: str
    book_milli: int
    silent_days: int
    silent_since_day: int
    rate: float
    """Units a day by the forecast."""
    excess: float
    """What the variance of demand has beyond its mean, by the mean squared."""
    margin_cents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A shelf that is probably empty, and what looking is worth."""

    shelf: SilentShelf
    empty_ratio: float
    stake_cents: float
    reason: str


def quiet_chance(rate: FloatArray, excess: FloatArray, days: IntArray | FloatArray) -> FloatArray:
    """P0: the chance that nothing sells in so many days, by a negative binomial of mean r t: (1 + x m)^(-1 / x).

    >>> quiet_chance(np.array([0.5]), np.array([1e-9]), np.array([2])).round(4).tolist()
    [0.3679]
    """
    mean, safe = rate * days, np.maximum(excess, 1e-9)
    found: FloatArray = np.exp(-np.log1p(safe * mean) / safe)
    return found


def empty_chance(rate: FloatArray, excess: FloatArray, silent_days: IntArray, policy: CountPolicy) -> FloatArray:
    """P(empty | silence) of each shelf; rises with every quiet day."""
    hazard = policy.wrong_ratio_per_day
    wrong = np.zeros(len(rate))
    for day in range(int(silent_days.max(initial=0))):
        went_wrong = hazard * (1 - hazard) ** day * quiet_chance(rate, excess, np.full(len(rate), day))
        wrong += np.where(day < silent_days, went_wrong, 0.0)
    right = (1 - hazard) ** silent_days * quiet_chance(rate, excess, silent_days)
    found: FloatArray = np.where(wrong + right > 0, wrong / np.maximum(wrong + right, 1e-300), 0.0)
    return found


def suspicions(shelves: Sequence[SilentShelf], policy: CountPolicy) -> Sequence[Suspicion]:
    """The shelves that are worth a walk, most at stake first."""
    if not shelves:
        return ()
    rate = np.maximum(np.array([one.rate for one in shelves]), _LEAST_RATE)
    excess = np.array([one.excess for one in shelves])
    days = np.array([one.silent_days for one in shelves], dtype=np.int64)
    chance = empty_chance(rate, excess, days, policy)
    stake = chance * rate * policy.worth_days * np.array([one.margin_cents for one in shelves])
    due = (chance >= policy.least_ratio) & (days * rate >= policy.least_intervals) & (stake > policy.count_cents)
    found = [
        Suspicion(
            shelf=shelves[place],
            empty_ratio=float(chance[place]),
            stake_cents=float(stake[place]),
            reason=_reason(shelves[place], float(chance[place])),
        )
        for place in np.flatnonzero(due).tolist()
    ]
    return sorted(found, key=lambda one: (-one.stake_cents, one.shelf.item_id, one.shelf.store_id))


def _reason(shelf: SilentShelf, chance: float) -> str:
    return (
        f"The book says {shelf.book_milli / 1000:g}, and nothing has moved for {shelf.silent_days} days in which "
        f"{shelf.silent_days * shelf.rate:.1f} were to be sold ({shelf.rate:.2f} a day): the shelf is empty with a chance of "
        f"{chance:.0%}. Count it; an order would not help."
    )
