"""A customer's compact ranking state and the moment of a question: profile derives it from a facet, the snapshot carries it to offers."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from libs.ranking import kept
from libs.ranking.kept import inserted, of_strongest, shifted

Integers: TypeAlias = kept.Integers

FORMAT_VERSION = 1
ITEMS_KEPT = 400
DAY_SECONDS = kept.DAY_SECONDS
_UNLABELLED = ("", "")

MomentKind: TypeAlias = Literal["arrival", "till"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where the question is asked.

    `arrival`: a trip begins now, in this store. `till`: a trip ends now (it is in the state, or in hand) and the
    next one is asked for, of which nothing is known.
    """

    at_seconds: int
    store_id: str
    kind: MomentKind
    utc_offset_minutes: int = 0


class PastVisit(NamedTuple):
    """One trip with its distinct rankable items."""

    at_seconds: int
    utc_offset_minutes: int
    store_id: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CustomerRankingState:
    """The latest trips in ascending time, as arrays; bounded to ITEMS_KEPT items (the strongest) and the visits that the facet keeps.

    `items` ascend; `categories` and `types` are aligned with them. A line is (number of its visit, number of its item), in the
    order of visits, then items. `visit_sizes` counts the items of a visit before the bound.
    """

    items: tuple[str, ...]
    categories: tuple[str, ...]
    types: tuple[str, ...]
    stores: tuple[str, ...]
    visit_at_seconds: Integers
    visit_utc_offset_minutes: Integers
    visit_stores: Integers
    visit_sizes: Integers
    line_visits: Integers
    line_items: Integers

    @property
    def visits(self) -> int:
        """How many trips the state knows."""
        return len(self.visit_at_seconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CustomerRankingState) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.encode())

    def to_json(self) -> dict[str, Any]:
        """A JSON value of strings and integers."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"format": FORMAT_VERSION, **{name: list(getattr(self, name)) for name in _NAMES}, **arrays}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CustomerRankingState":
        """The state that gave this value; raises ValueError for another format."""
        if value.get("format") != FORMAT_VERSION:
            raise ValueError("a ranking state of an unknown format")
        fields: dict[str, Any] = {name: tuple(value[name]) for name in _NAMES}
        fields |= {name: np.array(value[name], np.int64) for name in _ARRAYS}
        return cls(**fields)

    def encode(self) -> bytes:
        """The same as `to_json`, as MessagePack with labels written once and times as differences."""
        categories, category_numbers = _numbered(self.categories)
        types, type_numbers = _numbered(self.types)
        times = np.diff(self.visit_at_seconds, prepend=0).tolist()
        ends = np.searchsorted(self.line_visits, np.arange(1, self.visits)).tolist()
        lines = [part.tolist() for part in np.split(self.line_items, ends)] if self.visits else []
        offsets, stores, sizes = (
            array.tolist() for array in (self.visit_utc_offset_minutes, self.visit_stores, self.visit_sizes)
        )
        labels = [categories, category_numbers, types, type_numbers]
        return msgspec.msgpack.encode(
            [FORMAT_VERSION, self.items, labels, self.stores, times, offsets, stores, sizes, lines]
        )

    @classmethod
    def decode(cls, content: bytes) -> "CustomerRankingState":
        """The state whose `encode` gave these bytes; raises ValueError for another format."""
        body = msgspec.msgpack.decode(content)
        if body[0] != FORMAT_VERSION:
            raise ValueError("a ranking state of an unknown format")
        (
            _,
            items,
            (categories, category_numbers, types, type_numbers),
            stores,
            times,
            offsets,
            store_numbers,
            sizes,
            lines,
        ) = body
        return cls(
            items=tuple(items),
            categories=tuple(categories[number] for number in category_numbers),
            types=tuple(types[number] for number in type_numbers),
            stores=tuple(stores),
            visit_at_seconds=np.cumsum(np.array(times, np.int64)),
            visit_utc_offset_minutes=np.array(offsets, np.int64),
            visit_stores=np.array(store_numbers, np.int64),
            visit_sizes=np.array(sizes, np.int64),
            line_visits=np.repeat(np.arange(len(lines)), [len(part) for part in lines]).astype(np.int64),
            line_items=np.array([number for part in lines for number in part], np.int64),
        )

    def with_visit(
        self, moment: Moment, items: Iterable[str], labels: Mapping[str, tuple[str, str]]
    ) -> "CustomerRankingState":
        """The state after one more trip at `moment`; `labels` gives (category, type) of items that the state does not know."""
        bought, known = sorted(set(items)), set(self.items)
        new = [item for item in bought if item not in known]
        places = [bisect_left(self.items, item) for item in new]
        named = inserted(self.items, places, new)
        pairs = [labels.get(item, _UNLABELLED) for item in new]
        stores, visit_stores, store = self._stores_with(moment.store_id)
        state = CustomerRankingState(
            items=tuple(named),
            categories=tuple(inserted(self.categories, places, [category for category, _ in pairs])),
            types=tuple(inserted(self.types, places, [item_type for _, item_type in pairs])),
            stores=stores,
            visit_at_seconds=np.append(self.visit_at_seconds, moment.at_seconds),
            visit_utc_offset_minutes=np.append(self.visit_utc_offset_minutes, moment.utc_offset_minutes),
            visit_stores=np.append(visit_stores, store),
            visit_sizes=np.append(self.visit_sizes, len(bought)),
            line_visits=np.append(self.line_visits, np.full(len(bought), self.visits)),
            line_items=np.append(
                shifted(self.line_items, places), np.array([bisect_left(named, item) for item in bought], np.int64)
            ),
        )
        return state if len(named) <= ITEMS_KEPT else state._bounded()

    def _stores_with(self, store_id: str) -> tuple[tuple[str, ...], Integers, int]:
        """Its stores with this one, each visit's among them, and the number of this one."""
        if store_id in self.stores:
            return self.stores, self.visit_stores, self.stores.index(store_id)
        place = bisect_left(self.stores, store_id)
        return tuple(inserted(self.stores, [place], [store_id])), shifted(self.visit_stores, [place]), place

    def _bounded(self) -> "CustomerRankingState":
        """With the strongest items only."""
        stayed, line_visits, line_items = of_strongest(
            self.line_items, self.line_visits, self.visit_at_seconds, len(self.items), ITEMS_KEPT
        )
        parts = ([getattr(self, name)[number] for number in stayed] for name in ("items", "categories", "types"))
        items, categories, types = map(tuple, parts)
        return replace(
            self, items=items, categories=categories, types=types, line_visits=line_visits, line_items=line_items
        )

    def past_visits(self) -> list[PastVisit]:
        """The trips as values; items beyond the bound are left out."""
        ends = np.searchsorted(self.line_visits, np.arange(self.visits + 1)).tolist()
        numbers = self.line_items.tolist()
        columns = (self.visit_at_seconds.tolist(), self.visit_utc_offset_minutes.tolist(), self.visit_stores.tolist())
        return [
            PastVisit(at, offset, self.stores[store], tuple(self.items[number] for number in numbers[first:last]))
            for at, offset, store, first, last in zip(*columns, ends, ends[1:], strict=False)
        ]


_NAMES = ("items", "categories", "types", "stores")
_ARRAYS = (
    "visit_at_seconds", "visit_utc_offset_minutes", "visit_stores", "visit_sizes", "line_visits", "line_items",
)  # fmt: skip


def state_of(visits: Sequence[PastVisit], labels: Mapping[str, tuple[str, str]]) -> CustomerRankingState:
    """The state of these trips, given in ascending time; an item without a label gets two empty ones."""
    items = sorted({item for visit in visits for item in visit.items})
    item_number = {item: number for number, item in enumerate(items)}
    trips = Trips(
        at_seconds=[visit.at_seconds for visit in visits],
        utc_offset_minutes=[visit.utc_offset_minutes for visit in visits],
        store_ids=[visit.store_id for visit in visits],
        sizes=[len(visit.items) for visit in visits],
        items=np.array([item_number[item] for visit in visits for item in visit.items], np.int64),
    )
    return state_of_trips(trips, items, labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """Trips in ascending time, as columns; `items` are the items of all of them one after the other, by number."""

    at_seconds: Sequence[int]
    utc_offset_minutes: Sequence[int]
    store_ids: Sequence[str]
    sizes: Sequence[int]
    items: Integers


def state_of_trips(trips: Trips, items: Sequence[str], labels: Mapping[str, tuple[str, str]]) -> CustomerRankingState:
    """The same, of trips that name their items by their number in `items`, which ascend and are each on some trip."""
    stores = sorted(set(trips.store_ids))
    store_number = {store: number for number, store in enumerate(stores)}
    sizes = np.array(trips.sizes, np.int64)
    line_items, line_visits = trips.items, np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)
    at_seconds = np.array(trips.at_seconds, np.int64)
    if len(items) > ITEMS_KEPT:
        stayed, line_visits, line_items = of_strongest(line_items, line_visits, at_seconds, len(items), ITEMS_KEPT)
        items = [items[number] for number in stayed]
    pairs = [labels.get(item, _UNLABELLED) for item in items]
    return CustomerRankingState(
        items=tuple(items),
        categories=tuple([category for category, _ in pairs]),
        types=tuple([item_type for _, item_type in pairs]),
        stores=tuple(stores),
        visit_at_seconds=at_seconds,
        visit_utc_offset_minutes=np.array(trips.utc_offset_minutes, np.int64),
        visit_stores=np.array([store_number[store] for store in trips.store_ids], np.int64),
        visit_sizes=sizes,
        line_visits=line_visits,
        line_items=line_items,
    )


def _numbered(names: tuple[str, ...]) -> tuple[list[str], list[int]]:
    distinct = sorted(set(names))
    number = {name: index for index, name in enumerate(distinct)}
    return distinct, [number[name] for name in names]
