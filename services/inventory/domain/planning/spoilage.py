"""What of an item's stock has ended, will probably end unsold, and may still be given away: the ladders beside the forecast; used by the review.

Symbols: S_j what a shelf has (and gets) that ends by day e_j, D_j demand until the end of e_j. Sold oldest first, what has ended unsold by
day e_k is max over j <= k of (S_j - D_j)+ (by induction: W_k = max(W_(k-1), S_k - D_k)). Its expectation is taken as the greatest of the
expectations E[(S_j - D_j)+], which it is never below. What ends before the order after this one can arrive is no stock for an order:
the EWA policy of Broekmeulen and van Donselaar, "A heuristic to manage perishable inventory with batch ordering, positive lead-times, and
time-varying demand", Computers & Operations Research 36 (2009), with the forecast's distribution in place of its mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.demand.demand import Rates, demand_over
from services.inventory.domain.distribution import FloatArray, IntArray, left_over
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.stock.lots import NEVER, ended_milli
from services.inventory.domain.stock.shelves import ItemPlan, ItemView, day_of, start_of
from services.inventory.domain.stock.stock import Rungs

_UNIT, _DAY_SECONDS = 1000, 86_400
NEAR_DAYS = 7
"""Units that end within so many days, and that nobody will buy by then, are told as surplus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilage:
    """Per store, in thousandths; expectations are rounded to whole units, so that a trace of doubt orders nothing."""

    today: int
    ended_milli: IntArray
    """May not be sold any more."""
    spoiling_milli: IntArray
    """Of what is here and coming, will probably end unsold before the order after this one can arrive."""
    surplus_milli: IntArray
    """Of what is here, will probably end unsold within `NEAR_DAYS`."""
    surplus_day: IntArray
    """The last day of that; 0 where there is none."""
    rungs: Sequence[Rungs]
    """What may be sold, here and coming."""


@dataclass(frozen=True, slots=True)
class Laid:
    """A shelf's rungs as they could be: `place` among the item's stores."""

    place: int
    rungs: Rungs


def spoilage_of(
    item: ItemView, plan: ItemPlan, commands: Mapping[str, Command], now: datetime, around: Surroundings
) -> Spoilage | None:
    """What the item's ladders come to as of `now`; None for an item that has none."""
    if item.ladder is None:
        return None
    today = day_of(now)
    fresh = [tuple(rung for rung in rungs if rung[0] >= today) for rungs in item.ladder]
    whole = _with_coming(fresh, item, commands)
    until = _order_days(item, around, start_of(today))
    spoiling, _ = wasted(
        [Laid(place, tuple(r for r in rungs if r[0] < until[place])) for place, rungs in enumerate(whole)], plan, now
    )
    near = today + NEAR_DAYS
    surplus, ends = wasted(
        [Laid(place, tuple(r for r in rungs if r[0] < near)) for place, rungs in enumerate(fresh)], plan, now
    )
    surplus_milli = _whole(surplus)
    return Spoilage(
        today=today,
        ended_milli=np.array([ended_milli(rungs, today) for rungs in item.ladder], dtype=np.int64),
        spoiling_milli=_whole(spoiling),
        surplus_milli=surplus_milli,
        surplus_day=np.where(surplus_milli > 0, ends, 0),
        rungs=whole,
    )


def wasted(laid: Sequence[Laid], plan: ItemPlan, now: datetime) -> tuple[FloatArray, IntArray]:
    """Per ladder the units that will probably end unsold, and the last day by which they will have (0: nothing ends)."""
    counts = [len(one.rungs) for one in laid]
    waste, ends = np.zeros(len(laid)), np.zeros(len(laid), dtype=np.int64)
    if not sum(counts):
        return waste, ends
    row_of = np.repeat(np.arange(len(laid)), counts)
    places = np.repeat(np.array([one.place for one in laid]), counts)
    last_day = np.array([last for one in laid for last, _ in one.rungs], dtype=np.int64)
    stock = np.concatenate([np.cumsum([milli for _, milli in one.rungs], dtype=np.int64) for one in laid if one.rungs])
    today = start_of(day_of(now))
    days = np.maximum(last_day + 1 - day_of(now) - (now - today).total_seconds() / _DAY_SECONDS, 0.0)
    rates = Rates(
        rate=plan.rate[places],
        shape=plan.rates.shape[places],
        variance_ratio=plan.rates.variance_ratio[places],
        shelf_days=plan.shelf_days[places],
    )
    mean, variance = demand_over(rates, days, np.zeros(len(days)))
    left = left_over(mean, np.maximum(variance, mean), stock // _UNIT)
    order = np.lexsort((last_day, left, row_of))
    last_of_row = np.append(row_of[order][1:] != row_of[order][:-1], True)
    best = order[last_of_row]
    waste[row_of[best]] = left[best]
    ends[row_of[best]] = last_day[best]
    return waste, ends


def _whole(units: FloatArray) -> IntArray:
    found: IntArray = np.floor(units + 0.5).astype(np.int64) * _UNIT
    return found


def _with_coming(here: Sequence[Rungs], item: ItemView, commands: Mapping[str, Command]) -> Sequence[Rungs]:
    """The ladders with what is on its way, which lasts for the shelf life from its arrival, or as long as its command says."""
    laid = [dict(rungs) for rungs in here]
    place_of = {store_id: place for place, store_id in enumerate(item.store_ids)}
    for command in commands.values():
        place = place_of.get(command.store_id) if command.incoming_milli else None
        if place is not None:
            last = _lasts_until(command, item.facts.shelf_life_days)
            laid[place][last] = laid[place].get(last, 0) + command.incoming_milli
    return [tuple(sorted(lots.items())) for lots in laid]


def _lasts_until(command: Command, life_days: int | None) -> int:
    basis = command.basis
    if command.kind is Kind.REROUTE and isinstance(basis, Exchange) and basis.last_day is not None:
        return basis.last_day
    return NEVER if life_days is None else day_of(command.arrives_at) + life_days


def _order_days(item: ItemView, around: Surroundings, start: datetime) -> IntArray:
    """Per store the day on which the order after the one that is decided now can arrive."""
    known: dict[str, int] = {}
    days = []
    for store_id in item.store_ids:
        lane = around.lanes.find(store_id, item.facts.category)
        if lane.lane_id not in known:
            known[lane.lane_id] = day_of(start + timedelta(days=lane.protection_from(start)))
        days.append(known[lane.lane_id])
    return np.array(days, dtype=np.int64)
