"""Closes a day for a batch of whole items: facts from books and movements, what is learned of them, and the plans of the next day.

Called by the day's close. The learning itself is `domain.learning`; this lays out what it is told and takes back what it says.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from services.inventory.domain.closing.day_facts import NOT_LEARNED, Moves, ShelfBooks, facts_of
from services.inventory.domain.closing.items import ClosedItems, ClosingDay, ClosingItem, LateOrder
from services.inventory.domain.closing.kin import Kin
from services.inventory.domain.closing.learned_plans import item_plans, week_rate
from services.inventory.domain.closing.store_hours import selling_times
from services.inventory.domain.closing.unmet import Unmet, hidden_demand, revealed
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.learning.closing import close_day
from services.inventory.domain.learning.facts import DayFacts, Rules, Shelves, Supply
from services.inventory.domain.learning.forecast import slow_rate
from services.inventory.domain.learning.state import from_bytes, to_bytes
from services.inventory.domain.learning.ties import NO_TIES
from services.inventory.domain.planning.known_ahead import known_ahead
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.planning.stated_plans import stated_plans
from services.inventory.domain.planning.supply_rhythm import Rhythm, rhythm_of, shelf_day, supply_of
from services.inventory.domain.stock.shelves import start_of

_UNIT, _WEEK, _MICROSECONDS = 1000, 7, 1_000_000


def rules_of(policy: Policy) -> Rules:
    """What a chain's decisions cost, as learning sees it."""
    return Rules(
        hold_ratio=policy.hold_ratio,
        lost_ratio=policy.margin_ratio,
        order_line_cents=float(policy.order_line_cents),
        transfer_line_cents=float(policy.transfer_line_cents),
        transfer_unit_cents=float(policy.transfer_unit_cents),
    )


def close_items(
    items: Sequence[ClosingItem],
    closing: ClosingDay,
    around: Surroundings,
    late: Sequence[LateOrder],
    unmet: Sequence[Unmet] | None,
) -> ClosedItems:
    """Learn the day and plan the next one. The same facts give the same bytes, however items are grouped.

    `unmet` is what was asked for and not there, None where nobody tells: then it is estimated.
    """
    shelves = _shelves(items)
    facts, learned_milli = _facts(items, shelves, closing)
    learned = [learned_milli[shelves.rows(place)] for place in range(len(items))]
    sold = facts.sold
    if unmet is not None:
        facts = revealed(facts, shelves, unmet)
    kin = Kin.of(items, shelves, facts, closing.links, closing.day) if closing.links else None
    if kin is not None:
        items, facts, shelves, sold = kin.items, kin.facts, _shelves(kin.items), kin.facts.sold
    supply = _supply(items, shelves, closing.day, around.lanes, late)
    states = from_bytes([item.state for item in items], shelves)
    if kin is not None:
        kin.settle_in(states, shelves)
    ahead = known_ahead([item.view for item in items], slow_rate(states), closing.day, around)
    ties = NO_TIES if kin is None else kin.ties
    closed = close_day(states, shelves, facts, supply, closing.pooled, closing.rules, ahead, ties)
    days = supply.lead_days + supply.review_days - 1
    demand = closed.plans.demand
    plans = stated_plans([item.view for item in items], shelves, supply, closed.plans, around.book)
    lines = (week_rate(plans), demand.vouchers_over(days), demand.promotions_over(days))
    found = ClosedItems(
        states=to_bytes(closed.states, shelves),
        learned_milli=learned,
        plans=item_plans([(item.view, item.told) for item in items], shelves, plans, lines),
        contribution=closed.contribution,
        coverage=closed.coverage,
        hidden=hidden_demand(closed.asked - sold, shelves, closing.day),
    )
    return found if kin is None else kin.completed(found, shelves, closed.substituted)


def _shelves(items: Sequence[ClosingItem]) -> Shelves:
    counts = [len(item.view.store_ids) for item in items]
    facts = [item.view.facts for item in items]
    return Shelves(
        item_ids=[one.item_id for one in facts],
        starts=np.cumsum([0, *counts]),
        store_ids=list(chain.from_iterable(item.view.store_ids for item in items)),
        pack=np.repeat(np.array([one.pack_milli for one in facts]) / _UNIT, counts),
        price_cents=np.repeat(np.array([one.price_cents or 0 for one in facts], dtype=np.float64), counts),
    )


def _facts(items: Sequence[ClosingItem], shelves: Shelves, closing: ClosingDay) -> tuple[DayFacts, IntArray]:
    begins_at = int(start_of(closing.day).timestamp()) * _MICROSECONDS
    opens_at, closes_at = selling_times(shelves.store_ids, closing.day, closing.hours)
    books = ShelfBooks(
        item_of=shelves.item_of,
        items=len(items),
        on_hand_milli=np.concatenate([item.view.on_hand_milli for item in items]),
        counted=np.concatenate([item.view.counted for item in items]),
        sold_milli=np.concatenate([item.sold_milli for item in items]),
        learned_milli=np.array(
            [item.learned_milli.get(store_id, NOT_LEARNED) for item in items for store_id in item.view.store_ids]
        ),
        opens_at=opens_at,
        closes_at=closes_at,
    )
    moves = Moves(
        row=np.concatenate([item.moves.row + start for item, start in zip(items, shelves.starts[:-1], strict=True)]),
        at=np.concatenate([item.moves.at for item in items]),
        sold_milli=np.concatenate([item.moves.sold_milli for item in items]),
        moved_milli=np.concatenate([item.moves.moved_milli for item in items]),
    )
    return facts_of(closing.day, begins_at, begins_at + 86_400 * _MICROSECONDS, books, moves)


def _supply(
    items: Sequence[ClosingItem], shelves: Shelves, day: int, lanes: LaneBook, late: Sequence[LateOrder]
) -> Supply:
    """How each row is supplied as of the night after `day`."""
    known: dict[str, Rhythm] = {}
    found = [lane for item in items for lane in lanes.of_shelves(item.view.store_ids, item.view.facts.category)]
    for lane in found:
        if lane.lane_id not in known:
            known[lane.lane_id] = rhythm_of(lane, day + 1)
    late_from, late_until = _lateness(shelves, late, day)
    return replace(
        supply_of([known[lane.lane_id] for lane in found], late_from, late_until),
        late_days=np.array([lane.late_days for lane in found]),
        late_variance_days=np.array([lane.late_variance_days for lane in found]),
    )


def _lateness(shelves: Shelves, late: Sequence[LateOrder], day: int) -> tuple[IntArray, IntArray]:
    """Per row from when on what was due is not here after `day`, and the last day on which any of it is expected; 0 where none is late."""
    place_of = {item_id: place for place, item_id in enumerate(shelves.item_ids)}
    late_from, late_until = np.zeros((2, len(shelves)), dtype=np.int64)
    for order in late:
        rows = shelves.rows(place_of[order.item_id]) if order.item_id in place_of else slice(0, 0)
        stores = shelves.store_ids[rows]
        row = rows.start + stores.index(order.store_id) if order.store_id in stores else None
        first, last = shelf_day(order.needed_at), shelf_day(order.expected_at)
        if row is not None and last > max(first, day):
            late_from[row] = min(first, late_from[row]) if late_until[row] else first
            late_until[row] = max(last, late_until[row])
    return late_from, late_until
