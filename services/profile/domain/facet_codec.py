"""Canonical bytes of a facet: equal facets give equal bytes, whatever the order they were built in; stores write and read them."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from libs.common.errors import InvalidInput
from services.profile.domain.facet import (
    AnswerTally,
    Facet,
    ItemTally,
    PeriodKey,
    PeriodTally,
    Visit,
    VisitKey,
    WebTally,
    WeekTally,
)

FORMAT_VERSION = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def encode(facet: Facet) -> bytes:
    """A version byte and MessagePack with sorted keys; item ids are written once and referred to by number."""
    names = sorted({*facet.items, *(item for visit in facet.visits.values() for item in visit.items)})
    number = {name: index for index, name in enumerate(names)}
    visits = [
        [*key, visit.store_id, visit.utc_offset_minutes, visit.amount_cents, [number[item] for item in visit.items]]
        for key, visit in sorted(facet.visits.items())
    ]
    body = [
        names,
        visits,
        [[number[name], *facet.items[name]] for name in names if name in facet.items],
        _rows(facet.weeks),
        [[*key, *tally] for key, tally in sorted(facet.periods.items())],
        _rows(facet.web_items),
        _rows(facet.answers),
        sorted(facet.counts.items()),
        facet.first_at_seconds,
        facet.last_at_seconds,
    ]
    return bytes([FORMAT_VERSION]) + _encoder.encode(body)


def decode(content: bytes) -> Facet:
    """The facet whose `encode` gave these bytes; raises InvalidInput for another format."""
    if not content or content[0] != FORMAT_VERSION:
        raise InvalidInput("a facet of a format that this version does not read", slug="unknown-facet-format")
    names, visits, items, weeks, periods, web_items, answers, counts, first, last = _decoder.decode(content[1:])
    return Facet(
        visits={
            VisitKey(row[0], row[1]): Visit(row[2], row[3], row[4], tuple(names[i] for i in row[5])) for row in visits
        },
        items={names[row[0]]: _item(row[1:]) for row in items},
        weeks={row[0]: WeekTally(*row[1:]) for row in weeks},
        periods={PeriodKey(row[0], row[1]): PeriodTally(*row[2:]) for row in periods},
        web_items={row[0]: WebTally(*row[1:]) for row in web_items},
        answers={row[0]: AnswerTally(*row[1:]) for row in answers},
        counts=dict(counts),
        first_at_seconds=first,
        last_at_seconds=last,
    )


def digest(facet: Facet) -> str:
    """32 hexadecimal digits, the same for equal facets on every machine."""
    return blake2b(encode(facet), digest_size=16).hexdigest()


def _rows(section: Mapping[Any, tuple[int, ...]]) -> list[list[Any]]:
    return [[key, *tally] for key, tally in sorted(section.items())]


def _item(row: list[Any]) -> ItemTally:
    row[8] = tuple(row[8])
    return ItemTally(*row)
