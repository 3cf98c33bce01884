"""A stored facet that grows in place: what folders use, because they see a facet's bytes, many contacts, and its bytes again.

The law that holds it (stated as a test): `encode(f)`, grown by contacts, is `encode(apply_all(f, contacts))`, byte for byte, below the
cap of items. At it nothing is cut before all contacts of a round are worked in: one of the groupings that domain/facet.py speaks of,
with what it says of tallies. Purchases, which are nearly all there is, are worked in line by line on the decoded rows; every other
contact goes the way that the law names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

from services.profile.domain import facet as bounds
from services.profile.domain.contact import Contact, PackedPurchase, Purchase, packed, tie_of
from services.profile.domain.facet import EMPTY, Facet, merge
from services.profile.domain.facet_codec import (
    Rows,
    item_row,
    item_tally,
    read_rows,
    small_facet,
    small_rows,
)
from services.profile.domain.facet_of import apply_all, week_of
from services.profile.domain.settling import period_place, settle_periods, settle_visits, settle_words

_FIRST, _SPAN, _LABEL_AGE, _TIE, _CATEGORY, _TYPE, _RANKABLE = range(6, 13)
_in_time = attrgetter("occurred_at_seconds")


class GrowingFacet:
    """Rows as facet_codec lays them out, indexed by what contacts name; `rows` is canonical again after `settle`.

    Until then rows that were touched spell their words: those have no numbers before all of them are known.
    """

    def __init__(self, content: bytes) -> None:
        rows = self.rows = read_rows(content)
        self._items: dict[str, list[Any] | None] = dict(zip(rows.items, rows.tallies, strict=True))
        self._weeks = {row[0]: row for row in rows.weeks}
        self._cells: dict[int, dict[str, list[Any]]] = {}
        self._spelled: list[list[Any]] = []
        self._purchases: list[PackedPurchase] = []
        self._visits: list[list[Any]] = []
        self._relabelled = False

    def tell(self, contacts: Iterable[Contact], *, quiet: bool = False) -> None:
        """Work in contacts, in any order; `quiet` ones leave the first and the last contact as they were."""
        rows, purchases, others = self.rows, [], []
        for contact in contacts:
            if type(contact) is PackedPurchase:
                purchases.append(contact)
            elif type(contact) is Purchase:
                purchases.append(packed(contact))
            else:
                others.append(contact)
        between = rows.first, rows.last
        if purchases:
            self._purchases += purchases
            times = list(map(_in_time, purchases))
            rows.first, rows.last = min(rows.first, *times), max(rows.last, *times)
        if others:
            self._add(apply_all(EMPTY, others))
        if quiet:
            rows.first, rows.last = between

    def settle(self) -> Rows:
        """The rows in canonical order, cut to the facet's bounds."""
        rows = self.rows
        if self._purchases:
            self._purchases.sort(key=_in_time)  # nearly every line is then its item's latest
            for purchase in self._purchases:
                self._buy(purchase)
            rows.counts = _counted(self._purchases, dict(rows.counts))
        rows.weeks = [self._weeks[week] for week in sorted(self._weeks)[-bounds.WEEKS_KEPT :]]
        self._cut_items()
        settle_visits(rows, self._items, self._visits)
        number = settle_words(rows, self._spelled, self._cells)
        settle_periods(rows, self._cells, number, relabelled=self._relabelled)
        self._purchases, self._visits, self._spelled, self._cells = [], [], [], {}
        return rows

    def _buy(self, purchase: PackedPurchase) -> None:  # noqa: C901, PLR0912, PLR0915 - the innermost loop: a call a line costs a tenth
        at, tie = purchase.occurred_at_seconds, tie_of(purchase.event_id)
        week = week_of(at, purchase.utc_offset_minutes)
        period = week // 4
        cells = self._cells.get(period)
        if cells is None:
            cells = self._cells[period] = self._cells_of(period)
        items, names, spelled = self._items, purchase.items, self._spelled.append
        again: set[str] = set()
        labels = purchase.categories, purchase.types
        numbers = purchase.quantities_milli, purchase.amounts_cents, purchase.discounts_cents
        for item, category, kind, milli, cents, off, can in zip(
            names, *labels, *numbers, purchase.rankable, strict=True
        ):
            row = items.get(item)
            if row is None:
                row = items[item] = [1, milli, cents, off, 0, 0, at, 0, 0, tie, category, kind, 1 if can else 0]
                spelled(row)
            else:
                row[0] += 1
                row[1] += milli
                row[2] += cents
                row[3] += off
                if type(row[10]) is int:
                    self._spell(row)
                if row[6] <= at > row[6] + row[7]:
                    row[7], row[8], row[9] = at - row[6], 0, tie
                    if row[10] != category or row[11] != kind:
                        row[10], row[11], self._relabelled = category, kind, True
                else:
                    self._date(row, (at, tie, category, kind))
                    if names.count(item) > 1:  # an item's second line is never later than its first one
                        again.add(item)
                if can:
                    row[12] = 1
            cell = cells.get(category)
            if cell is None:
                cells[category] = [period, category, 1, cents]
            else:
                cell[2] += 1
                cell[3] += cents
        for item in again:
            items[item][0] -= names.count(item) - 1  # type: ignore[index]  # it has just been bought
        if again or not all(purchase.rankable):
            names = tuple(set(compress(names, purchase.rankable)))
        self._trip(purchase, (at, tie), week, names)

    def _trip(self, purchase: PackedPurchase, key: tuple[int, int], week: int, wanted: Sequence[str]) -> None:
        amount = sum(purchase.amounts_cents)
        row = self._weeks.get(week)
        if row is None:
            row = self._weeks[week] = [week, 0, 0, 0, 0, 0]
        row[1] += 1
        row[2] += len(purchase.items)
        row[3] += amount
        row[4] += sum(purchase.discounts_cents)
        if wanted:
            self._visits.append([*key, purchase.store_id, purchase.utc_offset_minutes, amount, wanted])

    def _cells_of(self, period: int) -> dict[str, list[Any]]:
        """The rows of a period by category, taken up to be changed."""
        rows, words = self.rows, self.rows.words
        cells: dict[str, list[Any]] = {words[row[1]]: row for row in rows.periods[period_place(rows, period)]}
        for category, row in cells.items():
            row[1] = category
        return cells

    def _spell(self, row: list[Any]) -> None:
        row[_CATEGORY], row[_TYPE] = self.rows.words[row[_CATEGORY]], self.rows.words[row[_TYPE]]
        self._spelled.append(row)

    def _date(self, row: list[Any], label: tuple[int, int, str, str]) -> None:
        """A line that is not the item's latest: it may be its first, or of the same second."""
        at, first, last = label[0], row[_FIRST], row[_FIRST] + row[_SPAN]
        newest = max((last - row[_LABEL_AGE], *row[_TIE:_RANKABLE]), label)
        first, last = min(first, at), max(last, at)
        self._relabelled |= newest == label
        row[_FIRST:_RANKABLE] = [first, last - first, last - newest[0], *newest[1:]]

    def _add(self, told: Facet) -> None:
        """What is no purchase, by the facet's own rules."""
        for item, tally in told.items.items():
            row, both = self._items.get(item), tally
            if row is not None:
                if type(row[_CATEGORY]) is int:
                    self._spell(row)
                both = bounds.add_items(item_tally(row, _as_spelled(row[_CATEGORY:_RANKABLE])), tally)
            new = item_row(both, _as_spelled(both.label[2:]))
            if row is None:
                self._items[item] = row = []
                self._spelled.append(row)
            row[:] = new
            self._relabelled = True
        for week, added in told.weeks.items():
            known = self._weeks.get(week)
            self._weeks[week] = (
                [week, *added] if known is None else [week, *(a + b for a, b in zip(known[1:], added, strict=True))]
            )
        rest = Facet(
            web_items=told.web_items,
            answers=told.answers,
            matters=told.matters,
            counts=told.counts,
            first_at_seconds=told.first_at_seconds,
            last_at_seconds=told.last_at_seconds,
        )
        small_rows(self.rows, merge(small_facet(self.rows), rest))

    def _cut_items(self) -> None:
        if len(self._items) <= bounds.ITEMS_KEPT:
            return
        known = [(row[_FIRST] + row[_SPAN], item) for item, row in self._items.items() if row is not None]
        for _, item in sorted(known)[: -bounds.ITEMS_KEPT]:
            self._items[item], self._relabelled = None, True


def _as_spelled(words: Iterable[str]) -> Mapping[str, str]:
    """For a row that spells its words: each stands for itself."""
    return {word: word for word in words}


def _counted(purchases: Sequence[PackedPurchase], known: Mapping[str, int]) -> list[list[Any]]:
    """What is only counted of purchases, on top of what is known."""
    bought = Counter(known)
    bought["visits"] += len(purchases)
    for channel, times in Counter([purchase.channel for purchase in purchases]).items():
        bought[f"channel:{channel}"] += times
    coupons = [purchase.coupon_cents for purchase in purchases if purchase.coupon_cents]
    if coupons:
        bought["coupon_receipts"] += len(coupons)
        bought["coupon_cents"] += sum(coupons)
    return [[name, bought[name]] for name in sorted(bought)[-bounds.NAMES_KEPT :]]
