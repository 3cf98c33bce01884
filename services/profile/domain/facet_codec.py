"""Canonical bytes of a facet: equal facets give equal bytes, whatever the order they were built in; stores write and read them.

A version byte, then MessagePack of Rows: sorted keys, names written once and referred to by number, times as differences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from libs.common.errors import InvalidInput
from services.profile.domain.facet import (
    AnswerTally,
    Facet,
    ItemTally,
    Matter,
    PeriodKey,
    PeriodTally,
    Visit,
    VisitKey,
    WebTally,
    WeekTally,
)
from services.profile.domain.facet_formats import EARLIER, sections_now

FORMAT_VERSION = 2

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


class _Start(msgspec.Struct, array_like=True, gc=False):
    """The sections up to the visits; what follows is passed over."""

    items: msgspec.Raw
    words: msgspec.Raw
    visits: list[msgspec.Raw]


class _VisitStart(msgspec.Struct, array_like=True, gc=False):
    """When a visit was."""

    at_seconds: int
    tie: int


_start_decoder, _visit_decoder = msgspec.msgpack.Decoder(_Start), msgspec.msgpack.Decoder(_VisitStart)


@dataclass(slots=True)
class Rows:
    """A facet as plain lists, in the order in which they are stored."""

    items: list[str]
    words: list[str]
    """Categories and types."""
    visits: list[list[Any]]
    """Time, tie, store, zone, amount, numbers of items."""
    tallies: list[list[int] | None]
    """One an item; None where only a visit still knows it."""
    weeks: list[list[int]]
    periods: list[list[int]]
    """Period, number of the category, lines, amount."""
    web_items: list[list[Any]]
    answers: list[list[Any]]
    counts: list[list[Any]]
    first: int
    last: int
    matters: list[list[Any]]


def read_rows(content: bytes) -> Rows:
    """The rows in these bytes, of this format or an earlier one; raises InvalidInput for another."""
    if not content or content[0] not in {FORMAT_VERSION, *EARLIER}:
        raise InvalidInput("a facet of a format that this version does not read", slug="unknown-facet-format")
    sections = _decoder.decode(memoryview(content)[1:])
    return Rows(*(sections if content[0] == FORMAT_VERSION else sections_now(content[0], sections)))


def knows_visits_before(content: bytes, key: VisitKey) -> bool:
    """Whether any visit in these bytes came before a key: a small part of what it takes to read all of them."""
    if content[:1] != bytes([FORMAT_VERSION]):
        return any(VisitKey(*visit[:2]) < key for visit in read_rows(content).visits[:1])
    visits = _start_decoder.decode(memoryview(content)[1:]).visits
    starts = [_visit_decoder.decode(visit) for visit in visits[:1]]
    return any((first.at_seconds, first.tie) < key for first in starts)


def write_rows(rows: Rows) -> bytes:
    """Their bytes; they must be in canonical order."""
    return bytes([FORMAT_VERSION]) + _encoder.encode(
        [
            rows.items,
            rows.words,
            rows.visits,
            rows.tallies,
            rows.weeks,
            rows.periods,
            rows.web_items,
            rows.answers,
            rows.counts,
            rows.first,
            rows.last,
            rows.matters,
        ]
    )


def encode(facet: Facet) -> bytes:
    """The facet's canonical bytes."""
    items = sorted({*facet.items, *(item for visit in facet.visits.values() for item in visit.items)})
    words = sorted({word for tally in facet.items.values() for word in tally.label[2:]} | {*_categories(facet)})
    item_number, word_number = _numbers(items), _numbers(words)
    rows = Rows(
        items=items,
        words=words,
        visits=[_visit_row(key, visit, item_number) for key, visit in sorted(facet.visits.items())],
        tallies=[None if (tally := facet.items.get(item)) is None else item_row(tally, word_number) for item in items],
        weeks=_rows(facet.weeks),
        periods=[[key.period, word_number[key.category], *tally] for key, tally in sorted(facet.periods.items())],
        web_items=[],
        answers=[],
        counts=[],
        first=0,
        last=0,
        matters=[],
    )
    small_rows(rows, facet)
    return write_rows(rows)


def decode(content: bytes) -> Facet:
    """The facet whose `encode` gave these bytes, in this format or an earlier one; raises InvalidInput for another."""
    return facet_of_rows(read_rows(content))


def facet_of_rows(rows: Rows) -> Facet:
    """The facet that is laid out in these rows."""
    small = small_facet(rows)
    return Facet(
        visits=dict(_visit(row, rows.items) for row in rows.visits),
        items={item: item_tally(row, rows.words) for item, row in zip(rows.items, rows.tallies, strict=True) if row},
        weeks=_weeks(rows),
        periods=periods_of(rows),
        web_items=small.web_items,
        answers=small.answers,
        matters=small.matters,
        counts=small.counts,
        first_at_seconds=small.first_at_seconds,
        last_at_seconds=small.last_at_seconds,
    )


def small_facet(rows: Rows) -> Facet:
    """What is not about goods: web, answers, matters, counts, first and last contact."""
    return Facet(
        web_items={row[0]: WebTally(*row[1:]) for row in rows.web_items},
        answers={row[0]: AnswerTally(*row[1:]) for row in rows.answers},
        matters={row[0]: Matter(*row[1:]) for row in rows.matters},
        counts=dict(rows.counts),
        first_at_seconds=rows.first,
        last_at_seconds=rows.last,
    )


def small_rows(rows: Rows, facet: Facet) -> None:
    """Put what is not about goods into `rows`."""
    rows.web_items, rows.answers, rows.matters = _rows(facet.web_items), _rows(facet.answers), _rows(facet.matters)
    rows.counts = [[name, count] for name, count in sorted(facet.counts.items())]
    rows.first, rows.last = facet.first_at_seconds, facet.last_at_seconds


def about_time(rows: Rows) -> Facet:
    """The facet without visits, items, categories and the web: all that value, segments and complaints look at."""
    return Facet(
        weeks=_weeks(rows),
        answers={row[0]: AnswerTally(*row[1:]) for row in rows.answers},
        matters={row[0]: Matter(*row[1:]) for row in rows.matters},
        counts=dict(rows.counts),
        first_at_seconds=rows.first,
        last_at_seconds=rows.last,
    )


def periods_of(rows: Rows) -> dict[PeriodKey, PeriodTally]:
    """What was paid in categories, four weeks by four weeks."""
    return {PeriodKey(row[0], rows.words[row[1]]): PeriodTally(*row[2:]) for row in rows.periods}


def _weeks(rows: Rows) -> dict[int, WeekTally]:
    return {week: WeekTally(*tally) for week, *tally in rows.weeks}


def digest(facet: Facet) -> str:
    """32 hexadecimal digits, the same for equal facets on every machine."""
    return blake2b(encode(facet), digest_size=16).hexdigest()


def _categories(facet: Facet) -> Iterator[str]:
    return (key.category for key in facet.periods)


def _numbers(names: list[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _rows(section: Mapping[Any, tuple[int, ...]]) -> list[list[Any]]:
    return [[key, *tally] for key, tally in sorted(section.items())]


def _visit_row(key: VisitKey, visit: Visit, item_number: Mapping[str, int]) -> list[Any]:
    lines = [item_number[item] for item in visit.items]
    return [*key, visit.store_id, visit.utc_offset_minutes, visit.amount_cents, lines]


def _visit(row: list[Any], items: list[str]) -> tuple[VisitKey, Visit]:
    at, tie, store_id, offset, amount, lines = row
    return VisitKey(at, tie), Visit(store_id, offset, amount, tuple([items[number] for number in lines]))


def item_row(tally: ItemTally, word_number: Mapping[str, Any]) -> list[Any]:
    """The tally as integers, its words as what stands for them."""
    at, tie, category, item_type = tally.label
    first, last = tally.first_at_seconds, tally.last_at_seconds
    numbers = (tally.baskets, tally.quantity_milli, tally.amount_cents, tally.discount_cents)
    returned = (tally.returned_milli, tally.refund_cents)
    label = (tie, word_number[category], word_number[item_type])
    return [*numbers, *returned, first, last - first, last - at, *label, int(tally.rankable)]


def item_tally(row: list[Any], words: Sequence[str] | Mapping[str, str]) -> ItemTally:
    """The tally that these integers are."""
    *numbers, first, since_first, before_last, tie, category, item_type, rankable = row
    baskets, quantity, amount, discount, returned, refund = numbers
    last = first + since_first
    label = (last - before_last, tie, words[category], words[item_type])
    return ItemTally(baskets, quantity, amount, discount, returned, refund, first, last, label, bool(rankable))
