"""A stored facet that grows in place: what folders use, because they see a facet's bytes, many contacts, and its bytes again.

The law that holds it (stated as a test): `encode(f)`, grown by contacts, is `encode(apply_all(f, contacts))`, byte for byte, below the
cap of items. At it nothing is cut before all contacts of a round are worked in: one of the groupings that domain/facet.py speaks of,
with what it says of tallies. Purchases, which are nearly all there is, are worked in line by line on the decoded rows; every other
contact goes the way that the law names.
"""

from collections.abc import Iterable, Sequence
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

_FIRST, _SPAN, _LABEL_AGE, _TIE, _CATEGORY, _TYPE, _RANKABLE = range(6, 13)


class GrowingFacet:
    """Rows as facet_codec lays them out, indexed by what contacts name; `rows` is canonical again after `settle`."""

    def __init__(self, content: bytes) -> None:
        rows = self.rows = read_rows(content)
        self._items: dict[str, list[int] | None] = dict(zip(rows.items, rows.tallies, strict=True))
        self._words = list(rows.words)
        self._number = {word: number for number, word in enumerate(self._words)}
        self._weeks = {row[0]: row for row in rows.weeks}
        self._periods: dict[int, dict[int, list[int]]] = {}
        for row in rows.periods:
            self._periods.setdefault(row[0], {})[row[1]] = row
        self._visits: list[tuple[int, int, str, int, int, list[str]]] = []
        self._bought: dict[str, int] = {}

    def tell(self, contacts: Iterable[Contact], *, quiet: bool = False) -> None:
        """Work in contacts, in any order; `quiet` ones leave the first and the last contact as they were."""
        between = self.rows.first, self.rows.last
        others = []
        for contact in contacts:
            if isinstance(contact, PackedPurchase | Purchase):
                self._buy(packed(contact))
            else:
                others.append(contact)
        if others:
            self._add(apply_all(EMPTY, others))
        if quiet:
            self.rows.first, self.rows.last = between

    def settle(self) -> Rows:
        """The rows in canonical order, cut to the facet's bounds."""
        rows = self.rows
        if self._bought:
            self._add(Facet(counts=self._bought))
            self._bought = {}
        rows.weeks = [self._weeks[week] for week in sorted(self._weeks)[-bounds.WEEKS_KEPT :]]
        rows.periods = [row for cells in self._periods.values() for row in cells.values()]
        if len(rows.periods) > bounds.PERIODS_KEPT:
            rows.periods.sort(key=lambda row: (row[0], self._words[row[1]]))
            del rows.periods[: -bounds.PERIODS_KEPT]
        self._cut_items()
        self._settle_visits()
        self._settle_words()
        rows.periods.sort()
        return rows

    def _buy(self, purchase: PackedPurchase) -> None:  # noqa: C901, PLR0915 - the innermost loop of all: a call a line costs a tenth
        at, tie = purchase.occurred_at_seconds, tie_of(purchase.event_id)
        week = week_of(at, purchase.utc_offset_minutes)
        period = week // 4
        cells = self._periods.get(period)
        if cells is None:
            cells = self._periods[period] = {}
        items, number_of = self._items, self._number
        met: set[str] = set()
        wanted: set[str] = set()
        columns = (purchase.items, purchase.categories, purchase.types, purchase.quantities_milli)
        for item, category_name, kind_name, milli, cents, off, can in zip(
            *columns, purchase.amounts_cents, purchase.discounts_cents, purchase.rankable, strict=True
        ):
            category = number_of.get(category_name)
            if category is None:
                category = self._new_word(category_name)
            kind = number_of.get(kind_name)
            if kind is None:
                kind = self._new_word(kind_name)
            row = items.get(item)
            if row is None:
                items[item] = [1, milli, cents, off, 0, 0, at, 0, 0, tie, category, kind, int(can)]
            else:
                row[0] += item not in met
                row[1] += milli
                row[2] += cents
                row[3] += off
                if row[6] <= at > row[6] + row[7]:
                    row[7], row[8], row[9], row[10], row[11] = at - row[6], 0, tie, category, kind
                else:
                    self._date(row, at, (at, tie, category_name, kind_name))
                if can:
                    row[12] = 1
            met.add(item)
            if can:
                wanted.add(item)
            cell = cells.get(category)
            if cell is None:
                cells[category] = [period, category, 1, cents]
            else:
                cell[2] += 1
                cell[3] += cents
        self._trip(purchase, (at, tie), week, sorted(wanted))

    def _trip(self, purchase: PackedPurchase, key: tuple[int, int], week: int, wanted: list[str]) -> None:
        amount = sum(purchase.amounts_cents)
        row = self._weeks.get(week)
        if row is None:
            row = self._weeks[week] = [week, 0, 0, 0, 0, 0]
        row[1] += 1
        row[2] += len(purchase.items)
        row[3] += amount
        row[4] += sum(purchase.discounts_cents)
        if wanted:
            self._visits.append((*key, purchase.store_id, purchase.utc_offset_minutes, amount, wanted))
        bought, channel = self._bought, f"channel:{purchase.channel}"
        bought["visits"] = bought.get("visits", 0) + 1
        bought[channel] = bought.get(channel, 0) + 1
        if purchase.coupon_cents:
            bought["coupon_receipts"] = bought.get("coupon_receipts", 0) + 1
            bought["coupon_cents"] = bought.get("coupon_cents", 0) + purchase.coupon_cents
        rows = self.rows
        rows.first = min(rows.first, key[0])
        rows.last = max(rows.last, key[0])

    def _date(self, row: list[int], at: int, label: tuple[int, int, str, str]) -> None:
        """A line that is not the item's latest: it may be its first, or of the same second."""
        first, last = row[_FIRST], row[_FIRST] + row[_SPAN]
        mine = (last - row[_LABEL_AGE], row[_TIE], self._words[row[_CATEGORY]], self._words[row[_TYPE]])
        newest = max(mine, label)
        first, last = min(first, at), max(last, at)
        row[_FIRST], row[_SPAN], row[_LABEL_AGE], row[_TIE] = first, last - first, last - newest[0], newest[1]
        row[_CATEGORY], row[_TYPE] = self._number[newest[2]], self._number[newest[3]]

    def _new_word(self, word: str) -> int:
        number = self._number[word] = len(self._words)
        self._words.append(word)
        return number

    def _add(self, told: Facet) -> None:
        """What is no purchase, by the facet's own rules."""
        for item, tally in told.items.items():
            row = self._items.get(item)
            both = tally if row is None else bounds.add_items(item_tally(row, self._words), tally)
            for word in both.label[2:]:
                if word not in self._number:
                    self._new_word(word)
            self._items[item] = item_row(both, self._number)
        for week, added in told.weeks.items():
            row = self._weeks.get(week)
            self._weeks[week] = (
                [week, *added] if row is None else [week, *(a + b for a, b in zip(row[1:], added, strict=True))]
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
        known = [(row[_FIRST] + row[_SPAN], item) for item, row in self._items.items() if row is not None]
        if len(known) > bounds.ITEMS_KEPT:
            for _, item in sorted(known)[: -bounds.ITEMS_KEPT]:
                self._items[item] = None

    def _settle_visits(self) -> None:
        """Visits in order, the latest ones; their items by the numbers that these have now."""
        rows, earlier = self.rows, self.rows.items
        visits: list[Any] = rows.visits
        if self._visits:
            found = {(row[0], row[1]): row for row in visits}
            for new in self._visits:
                _keep(found, new, earlier)
            visits = [found[key] for key in sorted(found)[-bounds.VISITS_KEPT :]]
            self._visits = []
        names = self._names(visits, earlier)
        if names != earlier:
            number = {name: place for place, name in enumerate(names)}
            moved = [number.get(name, -1) for name in earlier]
            visits = [
                [
                    *row[:5],
                    [moved[old] for old in row[5]] if isinstance(row, list) else [number[name] for name in row[5]],
                ]
                for row in visits
            ]
        elif any(isinstance(row, tuple) for row in visits):
            number = {name: place for place, name in enumerate(names)}
            visits = [row if isinstance(row, list) else [*row[:5], [number[name] for name in row[5]]] for row in visits]
        rows.visits, rows.items = visits, names
        rows.tallies = [self._items[name] for name in names]

    def _names(self, visits: Sequence[Any], earlier: Sequence[str]) -> list[str]:
        """All items, with or without a tally, that are named at all; those that nothing names any more are dropped."""
        if None in self._items.values():
            named = {
                name for row in visits for name in (row[5] if isinstance(row, tuple) else (earlier[n] for n in row[5]))
            }
            self._items = {name: row for name, row in self._items.items() if row is not None or name in named}
        return sorted(self._items)

    def _settle_words(self) -> None:
        """Words in ascending order, without those that nothing names any more."""
        rows, words = self.rows, self._words
        named = {row[1] for row in rows.periods}
        for row in rows.tallies:
            if row is not None:
                named.add(row[_CATEGORY])
                named.add(row[_TYPE])
        if len(named) == len(words) == len(rows.words):
            return
        ascending = sorted(words[number] for number in named)
        place = {word: number for number, word in enumerate(ascending)}
        moved = [place.get(word, -1) for word in words]
        for row in rows.tallies:
            if row is not None:
                row[_CATEGORY], row[_TYPE] = moved[row[_CATEGORY]], moved[row[_TYPE]]
        for row in rows.periods:
            row[1] = moved[row[1]]
        rows.words = ascending


def _keep(found: dict[Any, Any], new: tuple[Any, ...], names: Sequence[str]) -> None:
    """Of two visits with one key the greater stays, as everywhere."""
    key = new[:2]
    known = found.get(key)
    if known is not None:
        mine = known if isinstance(known, tuple) else (*known[:5], [names[number] for number in known[5]])
        new = max(mine, new, key=lambda visit: (*visit[:5], tuple(visit[5])))
    found[key] = new
