"""What the learner remembers of one identifier: its trips as arrays, ready to be asked about, and the pace of its spending.

A trip is remembered as a facet keeps it (a test holds both against each other), so that what is learned of a basket starts from what
the facet knew before it; no facet needs to be read for it. Items are rows of the population, which never change their meaning; they are
numbered in the order in which they first appear on trips.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from libs.ranking.history import Goods, History, Trips
from libs.ranking.kept import strengths
from libs.ranking.population import PopulationState
from libs.ranking.state import ITEMS_KEPT, Integers, PastVisit
from services.profile.domain.facet import VISITS_KEPT, VisitKey
from services.profile.domain.growing_table import GrowingTable
from services.profile.domain.pace import Pace
from services.profile.domain.population import NEVER_SECONDS, Basket
from services.profile.domain.return_chance import Waiting

FORMAT_VERSION = 1
_AT, _TIE, _OFFSET, _STORE, _SIZE = range(5)
_ROW, _CATEGORY, _TYPE, _LAST_AT = range(4)
_VISIT, _ITEM = range(2)
_VISIT_KINDS = ("<i8", "<u4", "<i2", "<u4", "<u4")
_NARROW = (1 << 16) - 1
"""The greatest number that two bytes hold."""


class Shopper:
    """Grows in place; two that were told the same are stored as the same bytes, in whatever order it came."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.waiting: list[Waiting] = []
        self.knows_trips = True
        """Not so while only what waits for a next trip was carried over from an earlier release."""
        self._stores: list[str] = []
        self._visits = GrowingTable(5)
        self._lines = GrowingTable(2)
        self._goods = GrowingTable(4)

    @property
    def visits(self) -> int:
        """How many trips are remembered."""
        return self._visits.size

    @property
    def trip_at_seconds(self) -> Integers:
        """When they were, ascending."""
        at_seconds: Integers = self._visits.rows[_AT]
        return at_seconds

    def is_newest(self, key: VisitKey) -> bool:
        """Whether nothing remembered came at or after it."""
        visits = self._visits.rows
        return not self.visits or (int(visits[_AT, -1]), int(visits[_TIE, -1])) < key

    def history(self, population: PopulationState, before: VisitKey) -> History:
        """What was known before a key, as rankers read it."""
        trips, goods = self._known(population, self._before(before))
        return History(trips, goods, self._stores)

    def last_purchases(self, basket: Basket) -> Integers:
        """When each item of a basket was bought last before it; NEVER_SECONDS for a new one."""
        if self.is_newest(basket.key):
            return self._last_at(self._numbers(basket.rows))
        last = np.full(len(self._goods.rows[0]) + 1, NEVER_SECONDS)
        visits = self._before(basket.key)
        lines = self._lines.rows[:, : self._lines_of(visits)]
        last[lines[_ITEM]] = self._visits.rows[_AT, lines[_VISIT]]
        return last[self._numbers(basket.rows)]

    def add(self, basket: Basket) -> bool:
        """Remember a trip; returns whether it was new. A second time it changes nothing."""
        if self.is_newest(basket.key):
            self._append(basket)
            if self.visits > VISITS_KEPT:
                self._rebuild(range(self.visits - VISITS_KEPT, self.visits))
            return True
        place, end = self._before(basket.key), self.visits
        if (int(self._visits.rows[_AT, place]), int(self._visits.rows[_TIE, place])) == basket.key:
            return False
        numbers = self._numbers(basket.rows)
        met_since = self._last_at(numbers) > basket.key.at_seconds
        goods = basket.goods
        if met_since.any():
            goods = np.where(met_since, self._goods.rows[:_LAST_AT, numbers], goods)
        self._append(Basket(basket.key, basket.visit, goods))
        self._rebuild([*range(place), end, *range(place, end)][-VISITS_KEPT:])
        return True

    def encode(self) -> bytes:
        """All of it."""
        visits = [column.astype(kind).tobytes() for column, kind in zip(self._visits.rows, _VISIT_KINDS, strict=True)]
        goods, narrow = self._goods.rows, self._goods.size <= _NARROW
        codes = goods[_CATEGORY : _TYPE + 1]
        few = not codes.size or int(codes.max()) <= _NARROW
        return msgspec.msgpack.encode(
            [
                FORMAT_VERSION,
                self.knows_trips,
                self._stores,
                visits,
                [narrow, _packed(self._lines.rows[_ITEM], narrow=narrow)],
                goods[_ROW].astype("<u4").tobytes(),
                [few, _packed(codes, narrow=few)],
                self.pace,
                self.waiting,
            ]
        )

    @classmethod
    def decode(cls, content: bytes) -> "Shopper":
        """The one whose `encode` gave these bytes; raises ValueError for another format."""
        version, knows_trips, stores, columns, lines, rows, codes, pace, waiting = msgspec.msgpack.decode(content)
        if version != FORMAT_VERSION:
            raise ValueError("a shopper of an unknown format")
        shopper = cls()
        shopper.knows_trips, shopper._stores = knows_trips, stores
        shopper.pace, shopper.waiting = Pace(*pace), [Waiting(*one) for one in waiting]
        kinds = zip(columns, _VISIT_KINDS, strict=True)
        visits = np.array([np.frombuffer(column, kind).astype(np.int64) for column, kind in kinds])
        items, line_visits = _unpacked(*lines), np.repeat(np.arange(visits.shape[1]), visits[_SIZE])
        goods = np.zeros((4, len(rows) // 4), np.int64)
        goods[_ROW] = np.frombuffer(rows, "<u4")
        goods[_CATEGORY : _TYPE + 1] = _unpacked(*codes).reshape(2, -1)
        goods[_LAST_AT, items] = visits[_AT, line_visits]
        shopper._visits = GrowingTable.of(visits)
        shopper._lines = GrowingTable.of(np.array([line_visits, items]))
        shopper._goods = GrowingTable.of(goods)
        return shopper

    def _append(self, basket: Basket) -> None:
        """One more trip at the end."""
        visit = basket.visit
        if visit.store_id not in self._stores:
            self._stores.append(visit.store_id)
        numbers = self._numbers(basket.rows)
        new = numbers < 0
        count, fresh = self._goods.size, int(np.count_nonzero(new))
        if fresh:
            numbers[new] = np.arange(count, count + fresh)
            self._goods.more(fresh)
        goods, lines = self._goods.rows, self._lines.more(len(numbers))
        goods[:_LAST_AT, numbers], goods[_LAST_AT, numbers] = basket.goods, visit.at_seconds
        lines[_VISIT], lines[_ITEM] = self.visits, numbers
        store = self._stores.index(visit.store_id)
        self._visits.more(1)[:, 0] = (*basket.key, visit.utc_offset_minutes, store, len(numbers))

    def _rebuild(self, order: Sequence[int]) -> None:
        """The same of these trips in this order; stores and items are numbered anew as they appear."""
        visits, lines, goods, names = self._visits.rows, self._lines.rows, self._goods.rows, self._stores
        ends = np.cumsum(visits[_SIZE])
        self._stores, self._visits, self._lines, self._goods = [], GrowingTable(5), GrowingTable(2), GrowingTable(4)
        for number in order:
            at, tie, offset, store, size = visits[:, number].tolist()
            items = lines[_ITEM, ends[number] - size : ends[number]]
            visit = PastVisit(at, offset, names[store], ())
            self._append(Basket(VisitKey(at, tie), visit, goods[:_LAST_AT, items]))

    def _numbers(self, rows: Integers) -> Integers:
        """The numbers of items; -1 for those that are not known."""
        if not self._goods.size:
            return np.full(len(rows), -1)
        known = self._goods.rows[_ROW]
        nearest = (rows[:, None] == known).argmax(axis=1)
        return np.where(known.take(nearest) == rows, nearest, -1)

    def _last_at(self, numbers: Integers) -> Integers:
        """When these items were bought last; NEVER_SECONDS for those that are not known."""
        if not self._goods.size:
            return np.full(len(numbers), NEVER_SECONDS)
        return np.where(numbers >= 0, self._goods.rows[_LAST_AT].take(numbers, mode="wrap"), NEVER_SECONDS)

    def _before(self, key: VisitKey) -> int:
        """How many trips came before a key."""
        if self.is_newest(key):
            return self.visits
        visits = self._visits.rows
        return int(
            np.count_nonzero(
                (visits[_AT] < key.at_seconds) | ((visits[_AT] == key.at_seconds) & (visits[_TIE] < key.tie))
            )
        )

    def _lines_of(self, visits: int) -> int:
        return int(self._visits.rows[_SIZE, :visits].sum())

    def _known(self, population: PopulationState, count: int) -> tuple[Trips, Goods]:
        """The first trips and their goods; at most ITEMS_KEPT of these, the strongest."""
        visits, goods = self._visits.rows[:, :count], self._goods.rows
        lines = self._lines.rows if count == self.visits else self._lines.rows[:, : self._lines_of(count)]
        if count < self.visits or goods.shape[1] > ITEMS_KEPT:
            kept = self._kept(population, visits, lines)
            number_of = np.full(goods.shape[1], -1)
            number_of[kept] = np.arange(len(kept))
            numbers = number_of[lines[_ITEM]]
            stay = numbers >= 0
            goods, lines = goods[:, kept], np.array([lines[_VISIT, stay], numbers[stay]])
        trips = Trips(
            at_seconds=visits[_AT],
            utc_offset_minutes=visits[_OFFSET],
            stores=visits[_STORE],
            sizes=visits[_SIZE],
            line_visits=lines[_VISIT],
            line_items=lines[_ITEM],
        )
        rows, category_codes, type_codes = goods[:_LAST_AT].copy()  # the next trip may tell of other labels
        return trips, Goods(rows=rows, category_codes=category_codes, type_codes=type_codes)

    def _kept(self, population: PopulationState, visits: Integers, lines: Integers) -> Integers:
        """The numbers of the items on these lines that a ranking state would keep: of equally strong ones the first by id."""
        count = self._goods.size
        if not lines.shape[1]:
            return np.zeros(0, np.int64)
        strength = strengths(count, lines[_ITEM], visits[_AT, lines[_VISIT]])
        met = np.flatnonzero(strength > 0)
        if len(met) <= ITEMS_KEPT:
            return met
        least = np.partition(strength[met], -ITEMS_KEPT)[-ITEMS_KEPT]
        sure, equal = np.flatnonzero(strength > least), np.flatnonzero(strength == least)
        rows, names = self._goods.rows[_ROW], population.item_ids
        by_name = sorted(equal.tolist(), key=lambda number: names[rows[number]])
        return np.sort(np.append(sure, by_name[: ITEMS_KEPT - len(sure)]).astype(np.int64))


def _packed(values: Integers, *, narrow: bool) -> bytes:
    return values.astype("<u2" if narrow else "<u4").tobytes()


def _unpacked(narrow: bool, content: bytes) -> Integers:  # noqa: FBT001  # as it was written
    return np.frombuffer(content, "<u2" if narrow else "<u4").astype(np.int64)
