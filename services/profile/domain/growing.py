"""A stored facet that grows in place: what folders use, because they see a facet's bytes, many contacts, and its bytes again.

The law that holds it (stated as a test): `encode(f)`, grown by contacts, is `encode(apply_all(f, contacts))`, byte for byte, below the
cap of items. At it nothing is cut before all contacts of a round are worked in: one of the groupings that domain/facet.py speaks of,
with what it says of tallies. Purchases, which are nearly all there is, are worked in line by line on the decoded rows; every other
contact goes the way that the law names.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from services.profile.domain import facet as bounds
from services.profile.domain.contact import Contact, PackedPurchase, Purchase, packed, tie_of
from services.profile.domain.delta import Delta
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
from services.profile.domain.purchases import NotedReceipt, Purchases, purchases_of
from services.profile.domain.settling import period_place, settle_periods, settle_visits, settle_words

_FIRST, _SPAN, _LABEL_AGE, _TIE, _CATEGORY, _TYPE, _RANKABLE = range(6, 13)


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
        self._bought: list[Purchases] = []
        self._visits: list[list[Any]] = []
        self._relabelled = False

    def hear(self, delta: Delta) -> None:
        """Work in a delta; deltas may come in any order. A quiet one leaves the first and the last contact as they were."""
        between = self.rows.first, self.rows.last
        if delta.bought is not None:
            self._note(delta.bought)
        self.tell(delta.others)
        if delta.quiet:
            self.rows.first, self.rows.last = between

    def tell(self, contacts: Iterable[Contact]) -> None:
        """Work in contacts, in any order."""
        others = []
        for contact in contacts:
            if isinstance(contact, PackedPurchase | Purchase):
                self._note(purchases_of(packed(contact)))
            else:
                others.append(contact)
        if others:
            self._add(apply_all(EMPTY, others))

    def settle(self) -> Rows:
        """The rows in canonical order, cut to the facet's bounds."""
        rows = self.rows
        if self._bought:
            self._bought.sort(key=_began_at)  # nearly every line is then its item's latest
            for bought in self._bought:
                self._buy(bought)
            receipts = [receipt for bought in self._bought for receipt in bought.receipts]
            rows.counts = _counted(receipts, dict(rows.counts))
        rows.weeks = [self._weeks[week] for week in sorted(self._weeks)[-bounds.WEEKS_KEPT :]]
        self._cut_items()
        settle_visits(rows, self._items, self._visits)
        number = settle_words(rows, self._spelled, self._cells)
        settle_periods(rows, self._cells, number, relabelled=self._relabelled)
        self._bought, self._visits, self._spelled, self._cells = [], [], [], {}
        return rows

    def _note(self, bought: Purchases) -> None:
        rows, times = self.rows, [receipt.occurred_at_seconds for receipt in bought.receipts]
        if times:
            self._bought.append(bought)
            rows.first, rows.last = min(rows.first, *times), max(rows.last, *times)

    def _buy(self, bought: Purchases) -> None:
        labels, end = bought.labels, 0
        unwanted = frozenset([number for number, label in enumerate(labels) if not label.rankable])
        for receipt in bought.receipts:
            start, end = end, end + receipt.line_count
            key = receipt.occurred_at_seconds, tie_of(receipt.event_id)
            week = week_of(key[0], receipt.utc_offset_minutes)
            numbers, amounts = bought.item_numbers[start:end], bought.amounts_cents[start:end]
            discounts = bought.discounts_cents[start:end]
            lines = zip(numbers, bought.quantities_milli[start:end], amounts, discounts, strict=True)
            again = self._buy_lines(bought, lines, key, week // 4)
            amount, row = sum(amounts), self._weeks.get(week)
            if row is None:
                row = self._weeks[week] = [week, 0, 0, 0, 0, 0]
            row[1] += 1
            row[2] += receipt.line_count
            row[3] += amount
            row[4] += sum(discounts)
            names = list(map(bought.items.__getitem__, numbers))
            wanted: Collection[str] = names
            if again:
                self._count_once(again, names)
            if again or not unwanted.isdisjoint(numbers):
                wanted = {bought.items[number] for number in numbers if number not in unwanted}
            if wanted:
                self._visits.append([*key, receipt.store_id, receipt.utc_offset_minutes, amount, wanted])

    def _buy_lines(  # noqa: C901, PLR0915 - the innermost loop of all: a call a line costs a tenth
        self, bought: Purchases, lines: Iterable[tuple[int, int, int, int]], key: tuple[int, int], period: int
    ) -> Collection[str]:
        """Returns items that may be named twice: a second line is never later than the first one."""
        at, tie = key
        cells = self._cells.get(period)
        if cells is None:
            cells = self._cells[period] = self._cells_of(period)
        items, names, labels = self._items, bought.items, bought.labels
        again = []
        for number, milli, cents, off in lines:
            item, label = names[number], labels[number]
            category = label.category
            row = items.get(item)
            if row is None:
                kind, can = label.item_type, 1 if label.rankable else 0
                row = items[item] = [1, milli, cents, off, 0, 0, at, 0, 0, tie, category, kind, can]
                self._spelled.append(row)
            else:
                row[0] += 1
                row[1] += milli
                row[2] += cents
                row[3] += off
                if type(row[10]) is int:
                    self._spell(row)
                if row[6] <= at > row[6] + row[7]:
                    row[7], row[8], row[9] = at - row[6], 0, tie
                    if row[10] != category or row[11] != label.item_type:
                        row[10], row[11], self._relabelled = category, label.item_type, True
                else:
                    self._date(row, (at, tie, category, label.item_type))
                    again.append(item)
                if label.rankable:
                    row[12] = 1
            cell = cells.get(category)
            if cell is None:
                cells[category] = [period, category, 1, cents]
            else:
                cell[2] += 1
                cell[3] += cents
        return again

    def _count_once(self, again: Iterable[str], names: Sequence[str]) -> None:
        """What is named twice was in one basket for all that."""
        for item in set(again):
            row = self._items[item]
            assert row is not None  # noqa: S101 - it has just been bought
            row[0] -= names.count(item) - 1

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


def _began_at(bought: Purchases) -> int:
    return bought.receipts[0].occurred_at_seconds


def _as_spelled(words: Iterable[str]) -> Mapping[str, str]:
    """For a row that spells its words: each stands for itself."""
    return {word: word for word in words}


def _counted(receipts: Sequence[NotedReceipt], known: Mapping[str, int]) -> list[list[Any]]:
    """What is only counted of receipts, on top of what is known."""
    bought = Counter(known)
    bought["visits"] += len(receipts)
    for channel, times in Counter([receipt.channel for receipt in receipts]).items():
        bought[f"channel:{channel}"] += times
    coupons = [receipt.coupon_cents for receipt in receipts if receipt.coupon_cents]
    if coupons:
        bought["coupon_receipts"] += len(coupons)
        bought["coupon_cents"] += sum(coupons)
    return [[name, bought[name]] for name in sorted(bought)[-bounds.NAMES_KEPT :]]
