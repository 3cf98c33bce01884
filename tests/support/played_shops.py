"""A chain whose shelves sell out: drawn lines, lost sales that nobody sees, orders from the learned plans; used by laws of learning."""

from dataclasses import dataclass, field

import numpy as np

from services.inventory.domain.learning.closing import Closed, close_day
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, IntArray, Rules, Shelves, Supply
from services.inventory.domain.learning.pooling import combine, nothing_known
from services.inventory.domain.learning.state import fresh

ITEMS, STORES, LEAD_DAYS = 8, 6, 2
HISTORY_DAYS = 60


@dataclass(slots=True)
class Played:
    """What a play came to, in units and in money by the rules' own prices."""

    asked: int = 0
    lost: int = 0
    held: float = 0.0
    orders: int = 0
    safety: list[float] = field(default_factory=list)

    def cents(self, rules: Rules, price_cents: float) -> float:
        """What holding, losing and ordering cost."""
        lost = rules.lost_ratio * price_cents * self.lost
        return rules.hold_ratio * price_cents * self.held + lost + rules.order_line_cents * self.orders


def shelves(price_cents: float = 300.0) -> Shelves:
    """Every item in every store."""
    rows = ITEMS * STORES
    return Shelves(
        item_ids=[f"item-{place}" for place in range(ITEMS)],
        starts=np.arange(0, rows + 1, STORES),
        store_ids=[f"store-{place}" for _ in range(ITEMS) for place in range(STORES)],
        pack=np.ones(rows),
        price_cents=np.full(rows, price_cents),
    )


def play(rules: Rules, days: int, late_every: int = 0, seed: int = 3) -> Played:
    """Let the learned plans order for a chain; with `late_every`, nothing is delivered in half of every such span of days."""
    drawn = np.random.default_rng(seed)
    around, found = shelves(), Played()
    rows = len(around)
    rate = drawn.gamma(1.0, 0.4, rows)
    stock, coming = np.full(rows, 3), np.zeros((days + 60, rows), dtype=np.int64)
    states, pooled = fresh(around), nothing_known(-1)
    for day in range(days):
        stock = stock + coming[day]
        lines = [drawn.geometric(0.6, count) for count in drawn.poisson(rate).tolist()]
        seen = day < HISTORY_DAYS
        facts, after = _day(around, day, lines, None if seen else stock)
        if not seen:
            found.asked += sum(int(sizes.sum()) for sizes in lines)
            found.lost += int(sum(int(sizes.sum()) for sizes in lines) - facts.sold.sum())
            found.held += float((stock + after).sum()) / 2
        stock = after
        arrives = _arrives(day + LEAD_DAYS, late_every)
        open_late = [due for due in range(day + LEAD_DAYS + 1) if _arrives(due, late_every) > max(due, day)]
        supply = _supply(rows, [(due, _arrives(due, late_every)) for due in open_late])
        closed = close_day(states, around, facts, supply, pooled, rules)
        states, pooled = closed.states, combine(pooled, [closed.contribution], day)
        if day >= HISTORY_DAYS - 1:
            orders = _orders(closed, stock + coming[day + 1 :].sum(axis=0))
            coming[arrives] += orders
            found.orders += int((orders > 0).sum())
        found.safety.append(float(closed.plans.safety.mean()))
    return found


def _orders(closed: Closed, position: IntArray) -> IntArray:
    short = position < closed.plans.trigger
    orders: IntArray = np.where(short, closed.plans.target - position, 0)
    return orders


def _arrives(due: int, late_every: int) -> int:
    return due + late_every // 2 - due % late_every if late_every and due % late_every < late_every // 2 else due


def _supply(rows: int, late: list[tuple[int, int]]) -> Supply:
    whole = np.ones(rows, dtype=np.int64)
    return Supply(
        wait_days=0 * whole,
        lead_days=LEAD_DAYS * whole,
        review_days=whole,
        late_from=whole * min((due for due, _ in late), default=0),
        late_until=whole * max((arrives for _, arrives in late), default=0),
    )


def _day(around: Shelves, day: int, lines: list[IntArray], stock: IntArray | None) -> tuple[DayFacts, IntArray]:
    """What a book shows of the day, and what is left; None for stock: nothing ran out."""
    rows = len(around)
    left = np.full(rows, 10**6) if stock is None else stock.copy()
    sold, emptied, open_ratio = np.zeros(rows), np.zeros(rows), np.where(left > 0, 1.0, 0.0)
    sizes = np.zeros((ITEMS, LINE_SIZES))
    for row, of_row in enumerate(lines):
        for place, size in enumerate(of_row.tolist()):
            got = min(size, int(left[row]))
            left[row] -= got
            sold[row] += got
            if got and left[row] == 0:
                emptied[row], open_ratio[row] = got, (place + 1) / (len(of_row) + 1)
            elif got:
                sizes[row // STORES, min(got, LINE_SIZES - 1)] += 1
    facts = DayFacts(day=day, sold=sold, open_ratio=open_ratio, emptied_by=emptied, line_sizes=sizes)
    return facts, left if stock is not None else np.full(rows, 3)
