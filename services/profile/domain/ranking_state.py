"""From a folded facet to the compact state that rankers read; the folder puts it into snapshots, the learner asks it as of a basket."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain

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
    """`ranking_json` of the state of these rows, straight from them: a state is made only where its bound cuts."""
    visits = rows.visits
    sizes = [len(row[5]) for row in visits]
    lines = np.array(list(chain.from_iterable([row[5] for row in visits])), np.int64)
    met = np.zeros(len(rows.items), np.bool_)
    met[lines] = True
    numbers = np.flatnonzero(met).tolist()
    trips = Trips(
        at_seconds=[row[0] for row in visits],
        utc_offset_minutes=[row[3] for row in visits],
        store_ids=[row[2] for row in visits],
        sizes=sizes,
        items=lines if len(numbers) == len(rows.items) else (np.cumsum(met) - 1)[lines],
    )
    items = list(map(rows.items.__getitem__, numbers))
    if len(items) > ITEMS_KEPT:
        state = state_of_trips(trips, items, {})
        number_of = dict(zip(items, numbers, strict=True))
        return _encoder.encode(state.to_json() | _labels(rows, list(map(number_of.__getitem__, state.items))))
    stores = sorted(set(trips.store_ids))
    store_number = {store: number for number, store in enumerate(stores)}
    return _encoder.encode(
        {
            "format": FORMAT_VERSION,
            "items": items,
            **_labels(rows, numbers),
            "stores": stores,
            "visit_at_seconds": trips.at_seconds,
            "visit_utc_offset_minutes": trips.utc_offset_minutes,
            "visit_stores": [store_number[store] for store in trips.store_ids],
            "visit_sizes": sizes,
            "line_visits": np.repeat(np.arange(len(sizes)), sizes).tolist(),
            "line_items": trips.items.tolist(),
        }
    )


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
