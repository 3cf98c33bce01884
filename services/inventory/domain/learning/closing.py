"""Closes a day for a batch of whole items: learns from it and plans what to keep on each shelf; called by the day's close.

A day is learned with the pool as of the close before; what a batch adds to the pool of its own day comes back as a contribution. So
batches may be cut anywhere and closed in any order.
"""

from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning import (
    calibration,
    censoring,
    comparing,
    forecast,
    known,
    shadow,
    spread,
    substitution,
)
from services.inventory.domain.learning.calibration import Coverage
from services.inventory.domain.learning.facts import (
    BoolArray,
    DayFacts,
    FloatArray,
    IntArray,
    Rules,
    Shelves,
    Supply,
)
from services.inventory.domain.learning.forecast import Forecast, Surroundings
from services.inventory.domain.learning.known import Known
from services.inventory.domain.learning.pooling import (
    CHAIN_NUMBERS,
    CURVE,
    LIFT,
    SCALE,
    STORE_NUMBERS,
    Contribution,
    Pooled,
)
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.learning.start_up import Started, started
from services.inventory.domain.learning.state import ItemStates
from services.inventory.domain.learning.ties import NO_TIES, Ties

_SIZE_DECAY = 0.998


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """What to keep on each shelf until the next close; a number per row."""

    day: int
    demand: Forecast
    spread: Spread
    need_mean: FloatArray
    """Units that an order decided now must cover, and how far they may stray."""

    need_deviation: FloatArray
    safety: FloatArray
    trigger: IntArray
    """Order when what is there and on its way falls below this many units, up to `target`, in whole packs."""

    target: IntArray
    can_order: BoolArray
    days_seen: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What a close gives back."""

    states: ItemStates
    contribution: Contribution
    plans: Plans
    asked: FloatArray
    """Units asked for on the day, with what empty shelves hid."""

    coverage: Coverage
    """What quantiles said before of days and weeks that ended today."""

    substituted: substitution.Sums = ()
    """Of each set of substitutes, in the order of `ties.sets`, what was learned of it."""


def close_day(  # noqa: PLR0913  # all a day is made of
    states: ItemStates,
    shelves: Shelves,
    facts: DayFacts,
    supply: Supply,
    pooled: Pooled,
    rules: Rules,
    ahead: Known | None = None,
    ties: Ties = NO_TIES,
) -> Closed:
    """Learn a day and plan the next. Raises ValueError where the pool is not that of the day before, or an item was closed already.

    An item that was never learned may begin on any day; one that was not closed for some days is closed for each of them in turn.
    `ahead` is what was and is known of promotions and vouchers; None: nothing. `ties` are links between items of this batch.
    """
    _check(states, facts.day, pooled)
    states, told = states.copy(), Known.nothing(len(shelves)) if ahead is None else ahead
    around = forecast.surroundings(shelves, pooled)
    lift = known.lifts_of(known.lift_table(states, pooled), shelves.item_of, told.promoted)
    used = known.uplift(pooled) * states.read("vouchers_due")[0]
    before = forecast.forecast(states, shelves, around, facts.day - 1, lift[None], used[None])
    facts = censoring.believed(facts, before.tomorrow)
    seen = states.read("days_seen")[0]
    sizes = _SIZE_DECAY * states.read("line_sizes") + facts.line_sizes.T
    states.keep("line_sizes", sizes)
    mean = np.where(seen > 0, before.tomorrow, 0.0)
    ordinary = forecast.slow_rate(states) * before.factor(1) if ties.sets else mean
    asked, sums = _asked(shelves, facts, sizes, (mean, ordinary), rules, ties)
    chain = np.zeros(CHAIN_NUMBERS, dtype=np.int64)
    beside_vouchers = np.maximum(asked - used, 0.0)
    kept = calibration.coverage(states, shelves, pooled, before, asked, beside_vouchers)
    own = comparing.learn_tomorrow(states, shelves, before, told, asked, pooled, chain)
    counted = forecast.learn(states, shelves, around, own, lift, facts.day)
    states.keep("days_seen", np.minimum(seen + 1, np.iinfo(np.uint16).max))
    lifts = known.lifts_of(known.lift_table(states, pooled), shelves.item_of, told.promoted_ahead)
    coming = known.uplift(pooled) * told.vouchers_ahead
    seen_now = forecast.forecast(states, shelves, around, facts.day, lifts, coming)
    states.keep("vouchers_due", told.vouchers_ahead[:1].sum(axis=0))
    comparing.learn_week(states, shelves, seen_now, own, pooled, chain)
    begun = _begun(states, shelves, around, seen_now, ties)
    states, plans = _play_and_plan(states, shelves, (asked, begun), facts.day, supply, pooled, rules)
    states.learned_day[:] = facts.day
    _add_curve(states, plans, chain)
    return Closed(
        states=states,
        contribution=_contribution(shelves, (own, *counted, before.factor(1)), chain),
        plans=plans,
        asked=asked,
        coverage=kept,
        substituted=sums,
    )


def _asked(  # a day and what is known of it
    shelves: Shelves, facts: DayFacts, sizes: FloatArray, means: tuple[FloatArray, FloatArray], rules: Rules, ties: Ties
) -> tuple[FloatArray, substitution.Sums]:
    """Units asked for, with what empty shelves hid and without what other shelves' emptiness brought."""
    if not rules.counts_censoring:
        return facts.sold, ()
    asked = censoring.demand(facts, sizes.T, shelves.item_of, means[0])
    if not ties.sets:
        return asked, ()
    return substitution.met_elsewhere(shelves, facts, ties.sets, asked, means[1])


def _begun(states: ItemStates, shelves: Shelves, around: Surroundings, now: Forecast, ties: Ties) -> Started:
    """The forecast and its spread, of new items with what those sell that they look like."""
    excess = spread.spread(states, shelves, around.pooled, now)
    if ties.looks:
        return started(states, shelves, around, ties.looks, now, excess)
    return Started(demand=now, spread=excess, day_error=states.read("day_error")[0])


def _check(states: ItemStates, day: int, pooled: Pooled) -> None:
    if pooled.day != day - 1:
        raise ValueError(f"day {day} is learned with the pool of day {day - 1}, not {pooled.day}")
    known = states.learned_day[states.learned_day >= 0]
    if np.any(known != day - 1):
        raise ValueError(f"day {day} does not follow the last day of every item")


def _play_and_plan(  # noqa: PLR0913  # all that shadow shops need
    states: ItemStates,
    shelves: Shelves,
    known: tuple[FloatArray, Started],
    day: int,
    supply: Supply,
    pooled: Pooled,
    rules: Rules,
) -> tuple[ItemStates, Plans]:
    asked, (now, excess) = known[0], (known[1].demand, known[1].spread)
    needed = shadow.need(now, excess, known[1].day_error, supply)
    progress = shadow.progress_of(states, shelves, supply, day)
    states = shadow.play(states, shelves, asked, needed, supply, progress, rules)
    safety = shadow.best(states, shelves, needed[0], pooled)
    trigger = np.maximum(np.floor(needed[0] + safety * needed[1]), 0).astype(np.int64) + 1
    return states, Plans(
        day=day,
        demand=now,
        spread=excess,
        need_mean=needed[0],
        need_deviation=needed[1],
        safety=safety,
        trigger=trigger,
        target=trigger,
        can_order=supply.can_order,
        days_seen=states.read("days_seen")[0],
    )


def _add_curve(states: ItemStates, plans: Plans, chain: IntArray) -> None:
    """The shadow shops' costs as they stand."""
    played = plans.days_seen > shadow.COUNTS_AFTER_DAYS
    chain[CURVE : LIFT - 1] = [comparing.exact(cost) for cost in states.read("shadow_cost")]
    chain[LIFT - 1] = comparing.exact(np.where(played, plans.need_mean, 0.0))


def _contribution(shelves: Shelves, by_store: tuple[FloatArray, ...], chain: IntArray) -> Contribution:
    ids, places = np.unique(np.array(shelves.store_ids), return_inverse=True)
    stores = np.zeros((STORE_NUMBERS, len(ids)), dtype=np.int64)
    for row, values in enumerate(by_store):
        np.add.at(stores[row], places, np.rint(values * SCALE).astype(np.int64))
    return Contribution(chain=chain, store_ids=ids.tolist(), stores=stores)
