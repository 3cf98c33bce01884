"""Earlier layouts of a facet's bytes, as the newest has them; the codec calls it. What was ever stored is read for ever.

| Version | Sections | Stored |
| --- | --- | --- |
| 1, ten sections | categories and types with each item, whole times, ties of 64 bits (they stay) | before labels had a section of their own |
| 1, eleven sections | labels once, times as differences | until complaints and service contacts came |
| 2 | the same and matters | now |
"""

from collections.abc import Mapping, Sequence
from typing import Any

EARLIER = frozenset({1})
_SECTIONS_AT_FIRST = 10


def sections_now(version: int, sections: Sequence[Any]) -> Sequence[Any]:
    """The sections of an earlier version, which must be one of EARLIER, as the newest has them."""
    assert version in EARLIER  # noqa: S101 - the codec has looked
    return [*(_with_words(sections) if len(sections) == _SECTIONS_AT_FIRST else sections), []]


def _with_words(body: Sequence[Any]) -> Sequence[Any]:
    items, visits, tallies, weeks, periods, *rest = body
    words = sorted({word for row in tallies for word in row[9][2:]} | {row[1] for row in periods})
    number = {word: place for place, word in enumerate(words)}
    rows = {row[0]: _tally(row[1:], number) for row in tallies}
    return [
        items,
        words,
        visits,
        [rows.get(place) for place in range(len(items))],
        weeks,
        [[row[0], number[row[1]], *row[2:]] for row in periods],
        *rest,
    ]


def _tally(row: Sequence[Any], number: Mapping[str, int]) -> list[int]:
    """Six sums, then what was: first, last, (time, tie, category, type) of the latest line, and whether it is rankable."""
    first, last, (at, tie, category, item_type), rankable = row[6:]
    return [*row[:6], first, last - first, last - at, tie, number[category], number[item_type], int(rankable)]
