"""A small chain whose days are drawn from a seed, and closed by the learning kernel in batches of any cut; used by the kernel's laws."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from services.inventory.domain.learning.closing import Closed, close_day
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, FloatArray, Rules, Shelves, Supply
from services.inventory.domain.learning.pool_bytes import (
    contribution_from_bytes,
    contribution_to_bytes,
    pooled_from_bytes,
    pooled_to_bytes,
)
from services.inventory.domain.learning.pooling import Pooled, combine, nothing_known
from services.inventory.domain.learning.state import from_bytes, to_bytes

RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of the whole chain: facts and supply of every shelf."""

    facts: DayFacts
    supply: Supply


def chain(items: int = 6, stores: int = 4) -> Shelves:
    """Items of which every second one misses the last store."""
    item_ids = [f"item-{place}" for place in range(items)]
    by_item = [[f"store-{place}" for place in range(stores - item % 2)] for item in range(items)]
    starts = np.cumsum([0, *(len(store_ids) for store_ids in by_item)])
    count = int(starts[-1])
    return Shelves(
        item_ids=item_ids,
        starts=starts,
        store_ids=[store_id for store_ids in by_item for store_id in store_ids],
        pack=np.tile([1.0, 4.0, 6.0], count)[:count],
        price_cents=np.tile([199.0, 0.0, 1250.0, 75.0], count)[:count],
    )


def days(shelves: Shelves, count: int, seed: int = 7) -> list[Day]:
    """Days of drawn demand: some shelves run empty, some deliveries come late, stores order on days of their own."""
    drawn = np.random.default_rng(seed)
    rows = len(shelves)
    rate = drawn.gamma(0.8, 2.0, rows)
    return [_day(shelves, day, drawn, rate) for day in range(count)]


def _day(shelves: Shelves, day: int, drawn: np.random.Generator, rate: FloatArray) -> Day:
    rows = len(shelves)
    sold = drawn.poisson(rate * (1.5 if day % 7 in {4, 5} else 0.8)).astype(np.float64)
    emptied = (drawn.random(rows) < 0.1) & (sold > 0)
    late = drawn.random(rows) < 0.02
    sizes = np.zeros((len(shelves.item_ids), LINE_SIZES))
    sizes[:, 1:4] = drawn.poisson(1.5, (len(shelves.item_ids), 3))
    return Day(
        facts=DayFacts(
            day=day,
            sold=sold,
            open_ratio=np.where(emptied, drawn.random(rows), 1.0),
            emptied_by=np.where(emptied, np.minimum(sold, 2.0), 0.0),
            line_sizes=sizes,
        ),
        supply=Supply(
            wait_days=(day + np.arange(rows)) % 3,
            lead_days=1 + np.arange(rows) % 3,
            review_days=np.full(rows, 3),
            late_from=np.where(late, day + 2, 0),
            late_until=np.where(late, day + 6, 0),
        ),
    )


def part(shelves: Shelves, day: Day, begin: int, end: int) -> tuple[Shelves, Day]:
    """The items from place `begin` to before `end`, and their side of a day."""
    rows = slice(int(shelves.starts[begin]), int(shelves.starts[end]))
    facts, supply = day.facts, day.supply
    return (
        Shelves(
            item_ids=shelves.item_ids[begin:end],
            starts=shelves.starts[begin : end + 1] - shelves.starts[begin],
            store_ids=shelves.store_ids[rows],
            pack=shelves.pack[rows],
            price_cents=shelves.price_cents[rows],
        ),
        Day(
            facts=DayFacts(
                day=facts.day,
                sold=facts.sold[rows],
                open_ratio=facts.open_ratio[rows],
                emptied_by=facts.emptied_by[rows],
                line_sizes=facts.line_sizes[begin:end],
            ),
            supply=Supply(
                wait_days=supply.wait_days[rows],
                lead_days=supply.lead_days[rows],
                review_days=supply.review_days[rows],
                late_from=supply.late_from[rows],
                late_until=supply.late_until[rows],
            ),
        ),
    )


@dataclass(slots=True)
class Kept:
    """What a store would hold: bytes an item, and the pool."""

    items: dict[str, bytes] = field(default_factory=dict)
    pooled_bytes: bytes = field(default_factory=lambda: pooled_to_bytes(nothing_known(-1)))
    last: dict[str, Closed] = field(default_factory=dict)

    def close(self, shelves: Shelves, day: Day, cuts: Sequence[int] = ()) -> None:
        """Close a day in batches that end before the items at `cuts`, last batch first, every state through its bytes."""
        edges = [0, *sorted(set(cuts)), len(shelves.item_ids)]
        pooled = pooled_from_bytes(self.pooled_bytes)
        kept: list[bytes] = []
        for begin, end in reversed([*pairwise(edges)]):
            if begin < end:
                kept.append(self._batch(*part(shelves, day, begin, end), pooled))
        contributions = [contribution_from_bytes(data)[0] for data in kept]
        self.pooled_bytes = pooled_to_bytes(combine(pooled, contributions, day.facts.day))

    def _batch(self, shelves: Shelves, day: Day, pooled: Pooled) -> bytes:
        states = from_bytes([self.items.get(item_id) for item_id in shelves.item_ids], shelves)
        closed = close_day(states, shelves, day.facts, day.supply, pooled, RULES)
        self.items.update(zip(shelves.item_ids, to_bytes(closed.states, shelves), strict=True))
        self.last.update(dict.fromkeys(shelves.item_ids, closed))
        return contribution_to_bytes(closed.contribution, day.facts.day)
