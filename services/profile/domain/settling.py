"""Rows of a facet brought into canonical order, and cut to its bounds, after a folder has worked contacts in (growing.py)."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from services.profile.domain import facet as bounds
from services.profile.domain.facet_codec import Rows

_CATEGORY, _TYPE = 10, 11
_ITEMS = 5
_second, _category, _type = itemgetter(1), itemgetter(_CATEGORY), itemgetter(_TYPE)


def settle_visits(rows: Rows, items: Mapping[str, list[int] | None], new: Sequence[list[Any]]) -> None:
    """Visits in order, the latest ones, and items with their tallies by the numbers that they have now.

    `items` are all that are named; a `new` visit names its own. Of two visits with one key the greater stays, as everywhere.
    """
    names = sorted(items)
    number = dict(zip(names, range(len(names)), strict=True))
    if names != rows.items:
        _renumber(rows.visits, [number[name] for name in rows.items])
    if new:
        for row in new:
            row[_ITEMS] = sorted(map(number.__getitem__, row[_ITEMS]))
        visits = sorted(chain(rows.visits, new))
        by_key = {(row[0], row[1]): row for row in visits}
        rows.visits = (visits if len(by_key) == len(visits) else list(by_key.values()))[-bounds.VISITS_KEPT :]
    rows.items, rows.tallies = names, [items[name] for name in names]
    if not all(rows.tallies):
        _drop_unnamed(rows)


def _drop_unnamed(rows: Rows) -> None:
    """Items without a tally stay while a visit names them."""
    named = set(chain.from_iterable([row[_ITEMS] for row in rows.visits]))
    kept = [number for number, row in enumerate(rows.tallies) if row is not None or number in named]
    if len(kept) < len(rows.items):
        moved = dict(zip(kept, range(len(kept)), strict=True))
        _renumber(rows.visits, moved)
        rows.items = [rows.items[number] for number in kept]
        rows.tallies = [rows.tallies[number] for number in kept]


def _renumber(visits: Iterable[list[Any]], moved: Mapping[int, int] | Sequence[int]) -> None:
    for row in visits:
        row[_ITEMS] = list(map(moved.__getitem__, row[_ITEMS]))


def period_place(rows: Rows, period: int) -> slice:
    """Where the rows of a period are, in whatever order among themselves."""
    return slice(bisect_left(rows.periods, [period]), bisect_left(rows.periods, [period + 1]))


def settle_words(rows: Rows, spelled: Sequence[list[Any]], cells: Mapping[int, Mapping[str, Any]]) -> Mapping[str, int]:
    """Give words their numbers in ascending order, new ones among them, also in rows that spell theirs; returns the numbers."""
    told = {*map(_category, spelled), *map(_type, spelled)}.union(*cells.values())
    words = rows.words
    if not words or not told.issubset(words):
        words = sorted(told.union(words))
    number = dict(zip(words, range(len(words)), strict=True))
    if rows.words and words is not rows.words:
        _move_words(rows, [number[word] for word in rows.words])
    rows.words = words
    for row in spelled:
        row[_CATEGORY], row[_TYPE] = number[row[_CATEGORY]], number[row[_TYPE]]
    return number


def settle_periods(
    rows: Rows, cells: Mapping[int, Mapping[str, list[Any]]], number: Mapping[str, int], *, relabelled: bool
) -> None:
    """Put in what periods hold now; then drop words that nothing names, where some may be `relabelled` or are cut."""
    for period in sorted(cells):
        changed = list(cells[period].values())
        for row in changed:
            row[1] = number[row[1]]
        changed.sort(key=_second)
        rows.periods[period_place(rows, period)] = changed
    beyond = len(rows.periods) - bounds.PERIODS_KEPT
    if beyond > 0:
        del rows.periods[:beyond]
    if relabelled or beyond > 0:
        _drop_unnamed_words(rows)


def _drop_unnamed_words(rows: Rows) -> None:
    tallies = [row for row in rows.tallies if row is not None]
    named = {*map(_second, rows.periods), *map(_category, tallies), *map(_type, tallies)}
    if len(named) < len(rows.words):
        kept = sorted(named)
        moved = dict(zip(kept, range(len(kept)), strict=True))
        rows.words = [rows.words[number] for number in kept]
        _move_words(rows, moved)


def _move_words(rows: Rows, moved: Mapping[int, int] | Sequence[int]) -> None:
    """Renumber words, but where they are spelled."""
    for row in rows.tallies:
        if row is not None and type(row[_CATEGORY]) is int:
            row[_CATEGORY], row[_TYPE] = moved[row[_CATEGORY]], moved[row[_TYPE]]
    for row in rows.periods:
        if type(row[1]) is int:
            row[1] = moved[row[1]]
