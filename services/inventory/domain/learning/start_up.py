"""Start-up demand of new items from the items that they look like, fading out as time in which they could have sold goes by.

Symbols: r what the references sell a day in a store times the stated ratio, n (decayed) days that the new item was seen there,
y what it sold in them, c how the new item's level turns out over all its stores, w the weight of the references in one store:

    c = (K + sum y) / (K + sum r n)        w = k / (k + r c n) * max(0, 1 - d / 84)        d days since its first
    rate = w r c + (1 - w) own             excess of the variance + w / k

It is the mean of a gamma prior on a Poisson rate (shape k at the mean r c: worth k units, Gelman et al., Bayesian Data Analysis,
2.6), once for the item's level with K units and once in each store with k: the references weigh half once they would have sold k
units there, whatever sells fast or slow. The level of a gamma of shape k strays by 1 / k of its square: that is the wider spread,
and it goes as the weight goes. After twelve weeks nothing of it is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.inventory.domain.learning.facts import FloatArray, Shelves
from services.inventory.domain.learning.forecast import Forecast, Surroundings
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.state import ItemStates
from services.inventory.domain.learning.ties import Look

ITEM_UNITS = 2.0
SHELF_UNITS = 2.0
LASTS_DAYS = 84.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A forecast with the references' part in it, how far it strays, and the errors that are to be expected of it."""

    demand: Forecast
    spread: Spread
    day_error: FloatArray


def started(  # what is known of shelves, and who looks like whom
    states: ItemStates, shelves: Shelves, around: Surroundings, looks: Sequence[Look], now: Forecast, excess: Spread
) -> Started:
    """The forecast of new items from that of their references; that of all others as it is."""
    rate, weight = now.rate.copy(), np.zeros(len(shelves))
    for look in looks:
        rows = shelves.rows(look.item)
        expected = look.ratio * _references(shelves, around, look, now.rate)
        sold, days = states.read("own_sold")[-1][rows], states.read("own_days")[-1][rows]
        level = (ITEM_UNITS + sold.sum()) / (ITEM_UNITS + (expected * days).sum())
        rate[rows] = expected * level
        left = np.maximum(1 - states.read("days_seen")[0][rows] / LASTS_DAYS, 0.0)
        weight[rows] = SHELF_UNITS / (SHELF_UNITS + rate[rows] * days) * left
    return _blended(states, now, excess, rate, weight)


def _references(shelves: Shelves, around: Surroundings, look: Look, rate: FloatArray) -> FloatArray:
    """What the references sell on an average day in each of the item's stores; one that is not there would sell by the store's size."""
    rows = shelves.rows(look.item)
    mine = shelves.store_ids[rows]
    total = np.zeros(len(mine))
    for place in look.references:
        theirs = shelves.rows(place)
        by_size = rate[theirs] / np.maximum(around.store_rate[theirs], _TINY)
        known = dict(zip(shelves.store_ids[theirs], rate[theirs].tolist(), strict=True))
        usual = float(by_size.mean()) * around.store_rate[rows]
        total += [known.get(store_id, guess) for store_id, guess in zip(mine, usual.tolist(), strict=True)]
    return total / max(len(look.references), 1)


def _blended(states: ItemStates, now: Forecast, excess: Spread, rate: FloatArray, weight: FloatArray) -> Started:
    """Both rates by their weights; rows without a weight keep theirs to the bit."""
    new = weight > 0

    def mixed(theirs: FloatArray, own: FloatArray) -> FloatArray:
        return np.where(new, weight * theirs + (1 - weight) * own, own)

    whole = mixed(rate, now.rate)
    grown = np.where(new, whole / np.maximum(now.rate, _TINY), 1.0)
    tomorrow, week = now.vouchers[:1].sum(axis=0), now.vouchers[:7].sum(axis=0)
    demand = replace(
        now,
        tomorrow=mixed(rate * now.factor(1) + tomorrow, now.tomorrow),
        week=np.where(new, (now.week - week) * grown + week, now.week),
        rate=whole,
    )
    wider = weight / SHELF_UNITS
    spread = Spread(day=excess.day + wider, week=excess.week + wider)
    expected = demand.tomorrow + spread.day * demand.tomorrow**2
    return Started(demand=demand, spread=spread, day_error=mixed(expected, states.read("day_error")[0]))
