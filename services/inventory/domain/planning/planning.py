"""Plans items for the day: rates, triggers and targets of every store, many items at once; called by the review at an item's first touch."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.inventory.domain.demand.demand import (
    NOTHING_KNOWN,
    Rates,
    demand_over,
    estimate,
    observed_shares,
    weekday_factors,
)
from services.inventory.domain.demand.promotions import Promotion
from services.inventory.domain.distribution import FloatArray, IntArray
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.planning.availability import Availability
from services.inventory.domain.planning.replenishment import Policy, order_up_to_units, trigger_units
from services.inventory.domain.policies.classes import NO_CLASSES, PolicyBook
from services.inventory.domain.policies.levels import ShelfNeeds, stated_levels
from services.inventory.domain.stock.shelves import ItemPlan, ItemView, Levels, day_of, start_of, weekday_of
from services.inventory.domain.vouchers.lines import VoucherLine

WINDOW_DAYS = 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What planning needs beside the items themselves."""

    levels: Levels
    lanes: LaneBook
    policy: Policy
    vouchers: Sequence[VoucherLine] = ()
    promotions: Sequence[Promotion] = ()
    book: PolicyBook = NO_CLASSES


def plan_items(items: Sequence[ItemView], now: datetime, around: Surroundings) -> Sequence[ItemPlan]:
    """A plan for each item, from its history; the same inputs give the same plans, item by item, however they are grouped."""
    if not items:
        return ()
    day = day_of(now)
    counts = np.array([len(item.store_ids) for item in items])
    item_of = np.repeat(np.arange(len(items)), counts)
    whole = around.levels.whole(NOTHING_KNOWN)
    found = [around.levels.by_category.get(item.facts.category, NOTHING_KNOWN) for item in items]
    by_weekday = {
        category: weekday_factors(level, whole)
        for category, level in {level.category: level for level in found}.items()
    }
    factors = np.array([by_weekday[level.category] for level in found])
    rates = _rates(items, now, item_of, factors, np.array([level.rate for level in found]))
    protection = _protection_days(items, around.lanes, start_of(day))
    vouchers = voucher_units(items, rates.rate, day, protection, around)
    mean, variance = demand_over(rates, _factor_days(factors[item_of], day, protection), vouchers)
    trigger = trigger_units(mean, variance, rates.rate, around.policy)
    trigger[rates.shelf_days < around.policy.least_shelf_days] = 0
    target = order_up_to_units(trigger, rates.rate, around.policy)
    starts = np.concatenate([[0], np.cumsum(counts)])
    needs = ShelfNeeds(
        rate=rates.rate, mean=mean, variance=variance, protection_days=protection, trigger=trigger, aim=target
    )
    trigger, target = stated_levels(items, starts, needs, around.book)
    return [
        _plan_of(item, slice(starts[place], starts[place + 1]), day, rates, vouchers, trigger, target)
        for place, item in enumerate(items)
    ]


def _plan_of(  # noqa: PLR0913  # the columns of one plan
    item: ItemView, rows: slice, day: int, rates: Rates, vouchers: FloatArray, trigger: IntArray, target: IntArray
) -> ItemPlan:
    told = {} if item.plan is None else dict(zip(item.plan.store_ids, item.plan.statuses, strict=True))
    return ItemPlan(
        item_id=item.facts.item_id,
        day=day,
        store_ids=item.store_ids,
        rates=rates.rows(rows),
        voucher_units=vouchers[rows],
        trigger_milli=trigger[rows] * 1000,
        order_up_to_milli=target[rows] * 1000,
        statuses=np.array([told.get(store, Availability.UNKNOWN) for store in item.store_ids], dtype=np.int8),
    )


def _rates(
    items: Sequence[ItemView], now: datetime, item_of: IntArray, factors: FloatArray, category_rate: FloatArray
) -> Rates:
    """Rates from the window's days; today counts as far as it went.

    The window is always as wide: sums of floats would differ in the last bit with their length, and a plan must not depend on
    an item's neighbours in the batch.
    """
    day = day_of(now)
    begin = day - WINDOW_DAYS + 1
    first = np.concatenate([item.first_day for item in items])
    sold, moved = (np.zeros((len(item_of), WINDOW_DAYS), dtype=np.int64) for _ in range(2))
    row = 0
    for item in items:
        if item.history is not None:
            within = item.history.day >= begin
            place = (row + item.history.store_index[within], np.minimum(item.history.day[within], day) - begin)
            np.add.at(sold, place, item.history.sold_milli[within])
            np.add.at(moved, place, item.history.moved_milli[within])
        row += len(item.store_ids)
    on_hand = np.concatenate([item.on_hand_milli for item in items])
    counted = np.concatenate([item.counted for item in items])
    shares = observed_shares(on_hand, sold, moved, first - begin, counted)
    shares[:, -1] *= (now - start_of(day)).total_seconds() / 86_400
    weekdays = [weekday_of(begin + offset) for offset in range(WINDOW_DAYS)]
    return estimate(sold / 1000, shares, factors[item_of][:, weekdays], item_of, category_rate)


def _protection_days(items: Sequence[ItemView], lanes: LaneBook, start: datetime) -> FloatArray:
    """How long each shelf must last on an order decided now."""
    known: dict[str, float] = {}
    days = []
    for item in items:
        for store_id in item.store_ids:
            lane = lanes.find(store_id, item.facts.category)
            if lane.lane_id not in known:
                known[lane.lane_id] = lane.protection_from(start)
            days.append(known[lane.lane_id])
    return np.array(days)


def _factor_days(factors: FloatArray, day: int, days: FloatArray) -> FloatArray:
    """How many average days the coming `days` are worth to each shelf, given its weekday factors."""
    total = np.zeros(len(days))
    for offset in range(int(np.ceil(days.max()))):
        total += factors[:, weekday_of(day + offset)] * np.clip(days - offset, 0.0, 1.0)
    return total


def voucher_units(
    items: Sequence[ItemView], rate: FloatArray, day: int, protection: FloatArray, around: Surroundings
) -> FloatArray:
    """Units that vouchers will probably sell: an item's own, and its share of its category's by how fast it sells there."""
    units = np.zeros(len(rate))
    if not around.vouchers:
        return units
    by_subject: dict[tuple[str, str | None, str | None], list[VoucherLine]] = defaultdict(list)
    for line in around.vouchers:
        by_subject[line.store_id, line.item_id, line.category].append(line)
    row = 0
    for item in items:
        category = item.facts.category
        level = around.levels.by_category.get(category, NOTHING_KNOWN)
        shelf_rates = max(level.rate * around.levels.shelves_per_store.get(category, 1.0), 1e-9)
        for store_id in item.store_ids:
            own = by_subject.get((store_id, item.facts.item_id, None), ())
            general = by_subject.get((store_id, None, category), ())
            days = float(protection[row])
            units[row] = sum(line.units_within(day, days) for line in own)
            units[row] += sum(line.units_within(day, days) for line in general) * min(rate[row] / shelf_rates, 1.0)
            row += 1
    return units
