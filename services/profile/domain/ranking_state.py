"""From a folded facet to the compact state that rankers read; the folder puts it into snapshots, the learner asks it as of a basket."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import msgspec
import numpy as np

from libs.ranking.state import (
    FORMAT_VERSION,
    ITEMS_KEPT,
    CustomerRankingState,
    PastVisit,
    Trips,
    state_of,
    state_of_trips,
)
from services.profile.domain.facet import Facet, VisitKey
from services.profile.domain.facet_codec import Rows

_encoder = msgspec.json.Encoder()


def ranking_state(facet: Facet, before: VisitKey | None = None) -> CustomerRankingState:
    """The state after all visits of the facet, or only those before a key (time, tie).

    So a learner may read a facet that has run ahead and still see what was known then, as far as the facet's visits reach back.
    """
    keys = sorted(facet.visits if before is None else (key for key in facet.visits if key < before))
    visits = [
        PastVisit(key.at_seconds, visit.utc_offset_minutes, visit.store_id, visit.items)
        for key, visit in ((key, facet.visits[key]) for key in keys)
    ]
    return state_of(visits, labels_of(facet))


def visits_before(rows: Rows, before: VisitKey) -> int:
    """How many visits of these rows came before a key."""
    return bisect_left(rows.visits, [*before])


def ranking_state_of_rows(rows: Rows, before: VisitKey | None = None) -> CustomerRankingState:
    """The same state of a facet that is at hand as its rows, without making a facet of them."""
    visits = rows.visits if before is None else rows.visits[: visits_before(rows, before)]
    sizes = [len(row[5]) for row in visits]
    named = np.fromiter(chain.from_iterable([row[5] for row in visits]), np.int64, sum(sizes))
    numbers, of_lines = np.unique(named, return_inverse=True)
    trips = Trips(
        at_seconds=[row[0] for row in visits],
        utc_offset_minutes=[row[3] for row in visits],
        store_ids=[row[2] for row in visits],
        sizes=sizes,
        items=of_lines.astype(np.int64),
    )
    words = rows.words
    kept = numbers.tolist()
    tallies = [(rows.items[number], rows.tallies[number]) for number in kept]
    labels = {item: (words[row[10]], words[row[11]]) for item, row in tallies if row is not None}
    return state_of_trips(trips, [item for item, _ in tallies], labels)


def ranking_json(state: CustomerRankingState) -> bytes:
    """The state as JSON."""
    return _encoder.encode(state.to_json())


def ranking_json_of_rows(rows: Rows) -> bytes:
    """`ranking_json` of the state of these rows, straight from them: a state's arrays are made only where its bound cuts."""
    lines = [row[5] for row in rows.visits]
    named = list(chain.from_iterable(lines))
    met = set(named)
    numbers: Sequence[int] = range(len(rows.items)) if len(met) == len(rows.items) else sorted(met)
    if len(met) > ITEMS_KEPT:
        return _encoder.encode(_bounded(rows, lines, named, numbers))
    if len(met) < len(rows.items):
        place = dict(zip(numbers, range(len(numbers)), strict=True))
        named = list(map(place.__getitem__, named))
    store_ids = [row[2] for row in rows.visits]
    stores = sorted(set(store_ids))
    number_of = {store: number for number, store in enumerate(stores)}
    sizes = list(map(len, lines))
    return _encoder.encode(
        {
            "format": FORMAT_VERSION,
            "items": list(map(rows.items.__getitem__, numbers)),
            **_labels(rows, numbers),
            "stores": stores,
            "visit_at_seconds": [row[0] for row in rows.visits],
            "visit_utc_offset_minutes": [row[3] for row in rows.visits],
            "visit_stores": list(map(number_of.__getitem__, store_ids)),
            "visit_sizes": sizes,
            "line_visits": list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))),
            "line_items": named,
        }
    )


def _bounded(
    rows: Rows, lines: Sequence[Sequence[int]], named: Sequence[int], numbers: Sequence[int]
) -> dict[str, Any]:
    """The JSON value of a state that has to leave items out: labels are looked up for those that stay."""
    trips = Trips(
        at_seconds=[row[0] for row in rows.visits],
        utc_offset_minutes=[row[3] for row in rows.visits],
        store_ids=[row[2] for row in rows.visits],
        sizes=list(map(len, lines)),
        items=np.searchsorted(np.array(numbers, np.int64), np.array(named, np.int64)),
    )
    names = list(map(rows.items.__getitem__, numbers))
    state = state_of_trips(trips, names, {})
    number_of = dict(zip(names, numbers, strict=True))
    return state.to_json() | _labels(rows, list(map(number_of.__getitem__, state.items)))


def _labels(rows: Rows, numbers: Sequence[int]) -> dict[str, list[str]]:
    """Categories and types of items; empty ones where nothing is known of an item but its visits."""
    words, tallies = rows.words, list(map(rows.tallies.__getitem__, numbers))
    return {
        "categories": [words[row[10]] if row else "" for row in tallies],
        "types": [words[row[11]] if row else "" for row in tallies],
    }


def labels_of(facet: Facet) -> dict[str, tuple[str, str]]:
    """(category, type) of each item met, as its latest line said."""
    return {item: tally.label[2:] for item, tally in facet.items.items()}
