"""How laws of facets are held: against how many histories, and the ways in which contacts get into bytes."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

import msgspec
from hypothesis import settings

from services.profile.domain.contact import Contact
from services.profile.domain.delta import Delta
from services.profile.domain.facet import Facet
from services.profile.domain.facet_codec import encode, write_rows
from services.profile.domain.growing import GrowingFacet

EXAMPLES = 10_000
LAW = settings(max_examples=EXAMPLES)
"""Of each law, in every run of the tests."""

T = TypeVar("T")


def grown_bytes(content: bytes, *rounds: Iterable[Contact]) -> bytes:
    """The bytes after so many rounds of a folder."""
    for contacts in rounds:
        growing = GrowingFacet(content)
        growing.tell(contacts)
        content = write_rows(growing.settle())
    return content


def folded_bytes(content: bytes, rounds: Iterable[Iterable[Delta]]) -> bytes:
    """The same of deltas, as folders have them."""
    for deltas in rounds:
        growing = GrowingFacet(content)
        for delta in deltas:
            growing.hear(delta)
        content = write_rows(growing.settle())
    return content


def shuffled(things: Sequence[T], random: Random) -> list[T]:
    """In another order."""
    return random.sample(things, len(things))


def parted(things: Sequence[T], random: Random) -> list[list[T]]:
    """The same in order, in groups of any size."""
    ends = sorted(random.randint(0, len(things)) for _ in range(random.randint(0, 3)))
    return [list(things[start:end]) for start, end in zip([0, *ends], [*ends, len(things)], strict=True)]


def written_in_eleven_sections(facet: Facet) -> bytes:
    """As version 1 was written in the end: what is written now, without matters."""
    *sections, matters = msgspec.msgpack.decode(encode(facet)[1:])
    assert matters == []
    return b"\x01" + msgspec.msgpack.encode(sections)


def written_in_ten_sections(facet: Facet) -> bytes:
    """As version 1 was written first: labels with every item, times as they are."""
    names = sorted({*facet.items, *(item for visit in facet.visits.values() for item in visit.items)})
    number = {name: place for place, name in enumerate(names)}
    visits = [
        [*key, visit.store_id, visit.utc_offset_minutes, visit.amount_cents, [number[item] for item in visit.items]]
        for key, visit in sorted(facet.visits.items())
    ]
    return b"\x01" + msgspec.msgpack.encode(
        [
            names,
            visits,
            [[number[name], *facet.items[name]] for name in names if name in facet.items],
            [[key, *tally] for key, tally in sorted(facet.weeks.items())],
            [[*key, *tally] for key, tally in sorted(facet.periods.items())],
            [[key, *tally] for key, tally in sorted(facet.web_items.items())],
            [[key, *tally] for key, tally in sorted(facet.answers.items())],
            sorted(facet.counts.items()),
            facet.first_at_seconds,
            facet.last_at_seconds,
        ]
    )
