"""Demand by item and place, with what met an empty shelf and what was searched for in vain; called by the desk."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.inventory.domain.assortment.evidence import SHOWN_WEEKS, UNITS_PER_SEARCH, sentence, sought_words
from services.inventory.domain.assortment.likeness import Range
from services.inventory.domain.assortment.searches import (
    NOT_SOUGHT,
    Place,
    PlaceKind,
    Sought,
    Subject,
    SubjectKind,
)
from services.inventory.domain.learning.facts import FloatArray

Key = tuple[Subject, Place]
_NOTHING = 1e-9
_SHOWN_UNITS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetDemand:
    """One item (or category) at one place. `missed_week` are units that an empty shelf hid, a week."""

    subject: Subject
    place: Place
    demand_week: float
    missed_week: float
    missed_cents_week: int
    sought: Sought
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetWish:
    """Which lines are wanted: of stores, regions or the chain, so many; None is any."""

    level: PlaceKind = PlaceKind.STORE
    place_id: str | None = None
    item_id: str | None = None
    limit: int = 100

    def takes(self, key: Key) -> bool:
        """Whether a line is wanted."""
        is_item = self.item_id is None or key[0] == Subject(SubjectKind.ITEM, self.item_id)
        return is_item and key[1].kind is self.level and self.place_id in {None, key[1].place_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """What the lines are made of: units that empty shelves hid in the weeks looked at by (item, store), and what was searched for."""

    hidden: Mapping[tuple[str, str], float]
    sought: Mapping[Key, Sought]


def unmet_demand(
    carried: Range, prices: FloatArray, regions: Mapping[str, str], unserved: Unserved, wish: UnmetWish
) -> Sequence[UnmetDemand]:
    """The lines with anything unmet, the most valuable first: units that an empty shelf hid, and searches without a result.

    A store without a region is in none: on the level of regions it does not appear.
    """
    places = {store_id: _place(store_id, regions, wish.level) for store_id in carried.store_ids}
    missed: defaultdict[Key, float] = defaultdict(float)
    for (item_id, store_id), units in unserved.hidden.items():
        place = places.get(store_id)
        if place is not None:
            missed[Subject(SubjectKind.ITEM, item_id), place] += units / SHOWN_WEEKS
    keys = [key for key in {*missed, *unserved.sought} if wish.takes(key)]
    worth = {key: _worth(key, missed, unserved.sought, _price(key, carried, prices)) for key in keys}
    best = sorted((key for key in keys if worth[key] > _NOTHING), key=lambda key: (-worth[key], key))[: wish.limit]
    columns: defaultdict[Place | None, list[int]] = defaultdict(list)
    for column, store_id in enumerate(carried.store_ids):
        columns[places[store_id]].append(column)
    return [
        _line(
            key,
            (_demand(key, carried, columns[key[1]]), missed.get(key, 0.0)),
            unserved.sought.get(key, NOT_SOUGHT),
            _price(key, carried, prices),
        )
        for key in best
    ]


def _worth(key: Key, missed: Mapping[Key, float], sought: Mapping[Key, Sought], price: float) -> float:
    unanswered = sought.get(key, NOT_SOUGHT).unanswered
    return (missed.get(key, 0.0) + UNITS_PER_SEARCH * unanswered / SHOWN_WEEKS) * price


def _price(key: Key, carried: Range, prices: FloatArray) -> float:
    """The item's; of a category the mean of all prices."""
    row = carried.place_of(key[0].subject_id) if key[0].kind is SubjectKind.ITEM else None
    if row is not None:
        return float(prices[row])
    return float(prices.mean()) if len(prices) else 1.0


def _demand(key: Key, carried: Range, columns: Sequence[int]) -> float:
    row = carried.place_of(key[0].subject_id) if key[0].kind is SubjectKind.ITEM else None
    return 0.0 if row is None else float(carried.weekly[row, columns].sum())


def _line(key: Key, figures: tuple[float, float], sought: Sought, price: float) -> UnmetDemand:
    demand_week, missed = figures
    empty = f"{missed:.1f} units a week met an empty shelf" if missed >= _SHOWN_UNITS else ""
    sells = f"{demand_week:.1f} a week are wanted here" if demand_week else "not carried here"
    return UnmetDemand(
        subject=key[0],
        place=key[1],
        demand_week=demand_week,
        missed_week=missed,
        missed_cents_week=round(missed * price),
        sought=sought,
        says=sentence(["" if key[0].kind is SubjectKind.CATEGORY else sells, empty, sought_words(sought)]),
    )


def _place(store_id: str, regions: Mapping[str, str], level: PlaceKind) -> Place | None:
    if level is PlaceKind.STORE:
        return Place(level, store_id)
    if level is PlaceKind.CHAIN:
        return Place(level)
    region = regions.get(store_id)
    return None if region is None else Place(level, region)
