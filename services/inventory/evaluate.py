"""Judging demand forecasts on counted days with the product's own learning kernel; a role of this service, and `usual evaluate demand-*`.

Reads a line a day, `{"day", "sales": [[store, item, units], ..]}`, and after each day writes a line for every store and item: the
mean of tomorrow (`m1`) and of the seven days to come (`m7`), and the quantiles .90 and .95 of both. Which shelves there are is known from
the start, as master data is; nothing else of a day is seen before the days before it are answered. Promotions are known ahead where they are
given: `{"promotion_id", "item_ids", "store_ids", "first_day", "last_day", "mailer", "display"}` a line, days as in the sales.
"""

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from libs.laptop.complete_journey import NAME
from libs.laptop.promotions import known_promotions
from services.inventory.domain.demand.promotions import Mailer, Promotion, classes
from services.inventory.domain.learning import spread
from services.inventory.domain.learning.calibration import CLASSES, HORIZONS, LEVELS, Coverage
from services.inventory.domain.learning.closing import Plans, close_day
from services.inventory.domain.learning.facts import (
    LINE_SIZES,
    WEEK,
    DayFacts,
    FloatArray,
    IntArray,
    Rules,
    Shelves,
    Supply,
)
from services.inventory.domain.learning.known import Known
from services.inventory.domain.learning.pooling import combine, nothing_known
from services.inventory.domain.learning.state import fresh

_COLUMNS = ("compared", "covered", "promised")


class SoldDay(msgspec.Struct, frozen=True):
    """A line of what is read."""

    day: int
    sales: list[tuple[str, str, float]]


class Answer(msgspec.Struct, frozen=True):
    """A line of what is written."""

    day: int
    store: str
    item: str
    m1: float
    m7: float
    q1_90: float
    q1_95: float
    q7_90: float
    q7_95: float


@dataclass(slots=True)
class Cost:
    """CPU seconds by step, and what they were spent on."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    kept: list[Coverage] = field(default_factory=list)
    shelf_days: int = 0
    sales: int = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        began = process_time()
        yield
        self.seconds[name] += process_time() - began

    def report(self) -> Table:
        """What each step cost, by shelf and day, and by line sold."""
        table = Table("step", "CPU s", "us per shelf-day", "us per line sold")
        for name, seconds in self.seconds.items():
            by = [f"{seconds * 1e6 / max(units, 1):.2f}" for units in (self.shelf_days, self.sales)]
            table.add_row(name, f"{seconds:.2f}", *by)
        return table


def calibration(kept: Sequence[Coverage]) -> Table:
    """How often demand stayed at or under the quantiles, beside how often they said it would."""
    table = Table(
        "horizon", "shelves", "compared", *(f"{level:g} {what}" for level in LEVELS for what in ("kept", "said"))
    )
    compared, covered, promised = (sum(getattr(one, name) for one in kept) for name in _COLUMNS)
    for window, horizon in enumerate(HORIZONS):
        for place, shelf_class in enumerate(CLASSES):
            count = compared[window, place]
            shares = np.stack([covered[window, place], promised[window, place]], axis=1) / np.maximum(count, 1)[:, None]
            table.add_row(horizon, shelf_class, f"{count[0]:.0f}", *(f"{share:.3f}" for share in shares.ravel()))
    return table


def shelves_of(days: Sequence[SoldDay]) -> Shelves:
    """Every store with every item that is ever sold."""
    stores = sorted({sale[0] for day in days for sale in day.sales})
    items = sorted({sale[1] for day in days for sale in day.sales})
    rows = len(items) * len(stores)
    return Shelves(
        item_ids=items,
        starts=np.arange(0, rows + 1, max(len(stores), 1)),
        store_ids=stores * len(items),
        pack=np.ones(rows),
        price_cents=np.zeros(rows),
    )


def promoted(shelves: Shelves, promotions: Sequence[Promotion], first_day: int, days: int) -> IntArray:
    """The class of every shelf on every day: a row a day, a column a shelf."""
    by_item: defaultdict[str, list[Promotion]] = defaultdict(list)
    for one in promotions:
        for item_id in one.item_ids:
            by_item[item_id].append(one)
    found = np.zeros((days, len(shelves)), dtype=np.int64)
    for place, item_id in enumerate(shelves.item_ids):
        if item_id in by_item:
            rows = shelves.rows(place)
            found[:, rows] = classes(by_item[item_id], item_id, shelves.store_ids[rows], first_day, days).T
    return found


def evaluate(
    days: Sequence[SoldDay], promotions: Sequence[Promotion], cost: Cost, console: Console | None = None
) -> Iterator[tuple[int, Shelves, Plans]]:
    """The plans after each day."""
    shelves = shelves_of(days)
    first = days[0].day
    place = {key: row for row, key in enumerate(_keys(shelves))}
    known = promoted(shelves, promotions, first, len(days) + WEEK) if promotions else None
    states, pooled = fresh(shelves), nothing_known(first - 1)
    supply, rules = _supply(len(shelves)), Rules()
    for number, day in enumerate(track(days, "demand", console=console) if console else days):
        with cost.step("learn"):
            facts = _facts(day, first + number, shelves, place)
            told = _told(known, number, len(shelves))
            closed = close_day(states, shelves, facts, supply, pooled, rules, told)
            states, pooled = closed.states, combine(pooled, [closed.contribution], facts.day)
        cost.kept.append(closed.coverage)
        cost.shelf_days += len(shelves)
        cost.sales += len(day.sales)
        yield facts.day, shelves, closed.plans


def answers(day: int, shelves: Shelves, plans: Plans, cost: Cost) -> Iterator[Answer]:
    """A day's lines."""
    with cost.step("quantiles"):
        both = ((plans.demand.tomorrow, plans.spread.day), (plans.demand.week, plans.spread.week))
        found = [spread.quantiles(mean, excess, level).tolist() for mean, excess in both for level in LEVELS]
    means = plans.demand.tomorrow.round(5).tolist(), plans.demand.week.round(5).tolist()
    for (item_id, store_id), *figures in zip(_keys(shelves), *means, *found, strict=True):
        yield Answer(day, store_id, item_id, *figures)


def _keys(shelves: Shelves) -> Iterator[tuple[str, str]]:
    for row, place in enumerate(shelves.item_of.tolist()):
        yield shelves.item_ids[place], shelves.store_ids[row]


def _facts(day: SoldDay, expected_day: int, shelves: Shelves, place: dict[tuple[str, str], int]) -> DayFacts:
    if day.day != expected_day:
        raise ValueError(f"day {day.day} follows day {expected_day - 1}: a line a day, none left out")
    sold: FloatArray = np.zeros(len(shelves))
    for store_id, item_id, units in day.sales:
        sold[place[item_id, store_id]] += units
    return DayFacts(
        day=day.day,
        sold=sold,
        open_ratio=np.ones(len(shelves)),
        emptied_by=np.zeros(len(shelves)),
        line_sizes=np.zeros((len(shelves.item_ids), LINE_SIZES)),
    )


def _told(known: IntArray | None, number: int, rows: int) -> Known | None:
    if known is None:
        return None
    return Known(
        promoted=known[number],
        promoted_ahead=known[number + 1 : number + 1 + WEEK],
        vouchers_ahead=np.zeros((0, rows)),
    )


def _supply(rows: int) -> Supply:
    """Orders are of no account here: every day, there the next morning."""
    none, one = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.int64)
    return Supply(wait_days=none, lead_days=one, review_days=one, late_from=none, late_until=none)


def read_promotions(source: str, shelves: Shelves) -> Sequence[Promotion]:
    """From a file, or those of the built-in data set for these shelves."""
    if source != NAME:
        lines: Sequence[dict[str, Any]] = [msgspec.json.decode(line) for line in Path(source).read_bytes().splitlines()]
    else:
        lines = known_promotions(set(shelves.item_ids), set(shelves.store_ids))
    return [
        Promotion(
            promotion_id=line["promotion_id"],
            item_ids=line["item_ids"],
            store_ids=line.get("store_ids", ()),
            first_day=line["first_day"],
            last_day=line["last_day"],
            mailer=Mailer[line["mailer"].upper()] if line.get("mailer") else Mailer.NONE,
            display=line.get("display", False),
        )
        for line in lines
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """`evaluate --in DAYS.jsonl --out ANSWERS.jsonl [--promotions complete-journey|FILE.jsonl]`."""
    parser = ArgumentParser(prog="evaluate", description=__doc__)
    parser.add_argument("--in", dest="source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--promotions", help=f"a file, or {NAME}: known ahead")
    chosen = parser.parse_args(arguments)
    console, cost = Console(stderr=True), Cost()
    days = [msgspec.json.decode(line, type=SoldDay) for line in chosen.source.read_bytes().splitlines() if line]
    if not days:
        raise SystemExit(f"{chosen.source}: no days")
    promotions = read_promotions(chosen.promotions, shelves_of(days)) if chosen.promotions else ()
    encode = msgspec.json.Encoder().encode
    with chosen.out.open("wb") as out:
        for day, shelves, plans in evaluate(days, promotions, cost, console):
            out.writelines(encode(answer) + b"\n" for answer in answers(day, shelves, plans, cost))
    console.print(cost.report())
    console.print(calibration(cost.kept))
