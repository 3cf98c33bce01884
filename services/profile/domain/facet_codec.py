"""Canonical bytes of a facet: equal facets give equal bytes, whatever the order they were built in; stores write and read them."""

from collections.abc import Iterator, Mapping
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

FORMAT_VERSION = 2
_WITHOUT_MATTERS = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def encode(facet: Facet) -> bytes:
    """A version byte and MessagePack with sorted keys; names are written once and referred to by number, times as differences."""
    items = sorted({*facet.items, *(item for visit in facet.visits.values() for item in visit.items)})
    labels = sorted({label for tally in facet.items.values() for label in tally.label[2:]} | {*_categories(facet)})
    item_number, label_number = _numbers(items), _numbers(labels)
    body = [
        items,
        labels,
        [_visit_row(key, visit, item_number) for key, visit in sorted(facet.visits.items())],
        [_item_row(facet.items.get(item), label_number) for item in items],
        _rows(facet.weeks),
        [[key.period, label_number[key.category], *tally] for key, tally in sorted(facet.periods.items())],
        _rows(facet.web_items),
        _rows(facet.answers),
        sorted(facet.counts.items()),
        facet.first_at_seconds,
        facet.last_at_seconds,
        _rows(facet.matters),
    ]
    return bytes([FORMAT_VERSION]) + _encoder.encode(body)


def decode(content: bytes) -> Facet:
    """The facet whose `encode` gave these bytes, in this format or the one before; raises InvalidInput for another."""
    if not content or content[0] not in {_WITHOUT_MATTERS, FORMAT_VERSION}:
        raise InvalidInput("a facet of a format that this version does not read", slug="unknown-facet-format")
    items, labels, visits, tallies, weeks, periods, web_items, answers, counts, first, last, *added = _decoder.decode(
        content[1:]
    )
    matters = added[0] if added else []
    return Facet(
        visits=dict(_visit(row, items) for row in visits),
        items={item: _item(row, labels) for item, row in zip(items, tallies, strict=True) if row},
        weeks={row[0]: WeekTally(*row[1:]) for row in weeks},
        periods={PeriodKey(row[0], labels[row[1]]): PeriodTally(*row[2:]) for row in periods},
        web_items={row[0]: WebTally(*row[1:]) for row in web_items},
        answers={row[0]: AnswerTally(*row[1:]) for row in answers},
        matters={row[0]: Matter(*row[1:]) for row in matters},
        counts=dict(counts),
        first_at_seconds=first,
        last_at_seconds=last,
    )


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


def _item_row(tally: ItemTally | None, label_number: Mapping[str, int]) -> list[int] | None:
    """The tally as integers; None for an item that only a visit still knows."""
    if tally is None:
        return None
    at, tie, category, item_type = tally.label
    first, last = tally.first_at_seconds, tally.last_at_seconds
    numbers = (tally.baskets, tally.quantity_milli, tally.amount_cents, tally.discount_cents)
    returned = (tally.returned_milli, tally.refund_cents)
    label = (tie, label_number[category], label_number[item_type])
    return [*numbers, *returned, first, last - first, last - at, *label, int(tally.rankable)]


def _item(row: list[int], labels: list[str]) -> ItemTally:
    *numbers, first, since_first, before_last, tie, category, item_type, rankable = row
    baskets, quantity, amount, discount, returned, refund = numbers
    last = first + since_first
    label = (last - before_last, tie, labels[category], labels[item_type])
    return ItemTally(baskets, quantity, amount, discount, returned, refund, first, last, label, bool(rankable))
