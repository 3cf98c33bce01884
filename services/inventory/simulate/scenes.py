"""A scene from a data set: its busiest stores, its best-selling categories as items, with supply and costs that are made up and said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libs.common.errors import InvalidInput
from libs.laptop.dataset import Dataset
from services.inventory.simulate.protocol import World
from services.inventory.simulate.shelves import Place, Scene, Wanted

COST: Mapping[str, float] = {"hold": 0.005, "lost": 0.5, "line": 0.05, "tline": 0.3, "tunit": 0.05}
"""Of the price: a unit on the shelf a day, a unit lost; in money: an order line, a transfer line, a unit moved."""

GREATEST_LINE = 24
"""A line's quantity is taken as no more than this."""

_PACKS = (2, 4, 6, 8, 12)
_DEAREST, _CHEAPEST = 30.0, 0.3
_COVER_DAYS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """How much of the data set is played. The supplier needs three nights, a transfer one."""

    stores: int = 12
    items: int = 20
    history_days: int = 63
    days: int | None = None
    review: int = 1
    lead: int = 3


@dataclass(frozen=True, slots=True)
class _Line:
    day: int
    wanted: Wanted
    amount_cents: int


def scene_of(dataset: Dataset, cast: Cast) -> Scene:
    """The scene; raises InvalidInput for a data set that is no longer than the history."""
    lines = _lines(dataset)
    days = max(line.day for line in lines) + 1 if lines else 0
    if cast.days is not None:
        days = min(days, cast.history_days + cast.days)
    if days <= cast.history_days:
        raise InvalidInput(f"{days} days leave nothing to play after {cast.history_days}", slug="invalid-simulation")
    stores = _most(Counter(line.wanted.store for line in lines), cast.stores)
    items = _most(Counter(line.wanted.item for line in lines if line.wanted.store in stores), cast.items)
    kept = [line for line in lines if line.wanted.store in stores and line.wanted.item in items and line.day < days]
    by_day: list[list[Wanted]] = [[] for _ in range(days)]
    for line in kept:
        by_day[line.day].append(line.wanted)
    return Scene(world=_world(kept, stores, items, days, cast), lines=by_day)


def _lines(dataset: Dataset) -> Sequence[_Line]:
    """All lines of goods in the order of their moments."""
    found: list[_Line] = []
    midnight = None
    for basket in dataset.baskets():
        at = basket.occurred_at
        midnight = midnight or at.replace(hour=0, minute=0, second=0, microsecond=0)
        seconds = int((at - midnight).total_seconds())
        for line in basket.lines:
            product = dataset.products[line.product_id]
            if product.stock_keeping and line.quantity > 0:
                units = min(max(round(line.quantity), 1), GREATEST_LINE)
                wanted = Wanted(seconds % 86_400, basket.store_id, product.category, units)
                found.append(_Line(seconds // 86_400, wanted, line.amount_cents))
    return found


def _most(counts: Counter[str], wanted: int) -> Sequence[str]:
    """The names that come most often, sorted."""
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:wanted])


def _world(kept: Sequence[_Line], stores: Sequence[str], items: Sequence[str], days: int, cast: Cast) -> World:
    units, cents = Counter[str](), Counter[str]()
    before = Counter[Place]()
    for line in kept:
        one = line.wanted
        units[one.item] += one.qty
        cents[one.item] += line.amount_cents
        if line.day < cast.history_days:
            before[one.store, one.item] += one.qty
    weekly = {
        item: sum(before[store, item] for store in stores) * 7 / cast.history_days / len(stores) for item in items
    }
    pack = {item: max((size for size in _PACKS if size <= weekly[item]), default=1) for item in items}
    cover = cast.lead + cast.review + _COVER_DAYS
    return World(
        stores=stores,
        items=items,
        lead=cast.lead,
        review=cast.review,
        pack=pack,
        price={item: _price(cents[item], units[item]) for item in items},
        cost=COST,
        first_day=cast.history_days,
        last_day=days - 1,
        initial_stock=[
            (store, item, _whole(before[store, item] / cast.history_days * cover, pack[item]))
            for store in stores
            for item in items
        ],
    )


def _price(cents: int, units: int) -> float:
    return round(float(np.clip(cents / max(units, 1) / 100, _CHEAPEST, _DEAREST)), 2)


def _whole(units: float, pack: int) -> int:
    """Up to whole packs."""
    return -(-round(units + 0.3) // pack) * pack
