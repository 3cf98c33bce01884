"""Which items a review has nothing to say of, told from all their shelves at once; used by the review and by the day's close.

An item is quiet where offers has nothing new to hear and no shelf is short, or those that are short are worth neither an order line nor a
transfer. It is decided by the same figures, in the same order of operations, as deciding it by itself (decisions.py) would come to, so
leaving it out changes nothing; where that cannot be told from a few figures it is not quiet. It holds for every moment of the day.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from services.inventory.domain.catalog import Lane
from services.inventory.domain.distribution import FloatArray
from services.inventory.domain.planning.availability import statuses
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.stock.lots import has_ladder
from services.inventory.domain.stock.shelves import ItemPlan, ItemView, start_of

BoolArray = npt.NDArray[np.bool_]
_UNIT, _DAY_SECONDS = 1000, 86_400


def quiet_items(items: Iterable[tuple[ItemView, ItemPlan | None]], day: int, around: Surroundings) -> set[str]:
    """Of items with their plans, those that a review on `day` has nothing to say of, as long as nothing happens to them."""
    plain = [(item, plan) for item, plan in items if plan is not None and _is_plain(item, plan, day)]
    if not plain:
        return set()
    counts = [len(item.store_ids) for item, _ in plain]
    item_of = np.repeat(np.arange(len(plain)), counts)
    free = np.maximum(np.concatenate([item.on_hand_milli for item, _ in plain]), 0)
    rate = np.concatenate([plan.rate for _, plan in plain])
    loud = statuses(free, np.zeros_like(free), rate) != np.concatenate([plan.statuses for _, plan in plain])
    short = free < np.concatenate([plan.trigger_milli for _, plan in plain])
    undecided = np.flatnonzero(short & ~_any_of(loud, item_of)[item_of])
    loud[undecided] = _calls(plain, undecided, item_of, free[undecided], rate[undecided], day, around)
    is_loud = _any_of(loud, item_of)
    return {plan.item_id for (_, plan), heard in zip(plain, is_loud.tolist(), strict=True) if not heard}


def _is_plain(item: ItemView, plan: ItemPlan, day: int) -> bool:
    """Whether what is on hand is all that an item's decision depends on, beside a plan that holds."""
    if item.commands or item.depots or item.ladder is not None or not plan.serves(item.store_ids, day):
        return False
    named = bool(item.shelf_facts) and any(shelf.lots_are_named for shelf in item.shelf_facts.values())
    return not has_ladder(item.facts.shelf_life_days, lots_are_named=named)


def _any_of(rows: BoolArray, item_of: npt.NDArray[np.int64]) -> BoolArray:
    """Per item whether any of its rows is true."""
    found: BoolArray = np.bincount(item_of[rows], minlength=int(item_of[-1]) + 1) > 0
    return found


def _calls(  # noqa: PLR0913  # the shelves that are short, and all that is known of them
    plain: Sequence[tuple[ItemView, ItemPlan]],
    rows: npt.NDArray[np.int64],
    item_of: npt.NDArray[np.int64],
    free: npt.NDArray[np.int64],
    rate: FloatArray,
    day: int,
    around: Surroundings,
) -> BoolArray:
    """Of these shelves, which are short and may be worth an order line or a transfer."""
    policy = around.policy
    if around.book.classes:
        return np.ones(len(rows), dtype=np.bool_)
    starts = np.cumsum([0, *(len(item.store_ids) for item, _ in plain)])
    known: dict[str, _Supply | None] = {}
    figures: list[tuple[float, float, float, float, float]] = []
    for row in rows.tolist():
        place = int(item_of[row])
        item, plan = plain[place]
        own = row - int(starts[place])
        supply = _supply_of(around.lanes.find(item.store_ids[own], item.facts.category), day, around, known)
        if supply is None or item.facts.price_cents is None or plan.stands_in_milli is not None:
            figures.append((0.0, 0.0, 0.0, 0.0, np.inf))
            continue
        served_else = 0.0 if plan.served_else is None else float(plan.served_else[own])
        margin = policy.margin_cents(item.facts.price_cents, item.facts.cost_cents)
        figures.append((*supply, float(plan.voucher_units[own]), 1 - served_else, margin))
    protection, gap, vouchers, lost, margins = np.array(figures).reshape(-1, 5).T
    unknown = np.isinf(margins)
    margins = np.where(unknown, 0.0, margins)
    missed = np.maximum(rate * (protection + policy.cover(rate)) + vouchers - free / _UNIT, 0.0) * lost
    calls: BoolArray = unknown | (missed * margins >= policy.order_line_cents)
    if policy.reroute:
        least_cost = policy.hurdle_ratio * (policy.transfer_line_cents + policy.transfer_unit_cents)
        calls |= margins * lost * rate * gap > least_cost
    return calls


_Supply = tuple[float, float]
"""How long an order of today must last, in days, and how long one would wait for it after a transfer could come."""


def _supply_of(lane: Lane, day: int, around: Surroundings, known: dict[str, _Supply | None]) -> _Supply | None:
    """Of a lane by which an order goes out at any moment of `day` and arrives the same time after it; None for any other."""
    if lane.lane_id not in known:
        start = start_of(day)
        known[lane.lane_id] = None
        if _takes_orders(lane, start):
            gap = (lane.arrives_at(start) - start).total_seconds() / _DAY_SECONDS - around.policy.transfer_days
            known[lane.lane_id] = lane.protection_from(start), max(gap, 0.0)
    return known[lane.lane_id]


def _takes_orders(lane: Lane, start: datetime) -> bool:
    has_calendar = lane.closes_at is not None or lane.closed_on or lane.time_zone != "UTC"
    return not has_calendar and start.weekday() in lane.order_weekdays
