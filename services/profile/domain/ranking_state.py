"""From a folded facet to the compact state that rankers read; the folder puts it into snapshots, the learner asks it as of a basket."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain, repeat

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
    met = np.zeros(len(rows.items), np.bool_)
    met[named] = True
    trips = Trips(
        at_seconds=[row[0] for row in visits],
        utc_offset_minutes=[row[3] for row in visits],
        store_ids=[row[2] for row in visits],
        sizes=sizes,
        items=(np.cumsum(met) - 1)[named],
    )
    names, tallies = _chosen(rows, np.flatnonzero(met).tolist())
    return state_of_trips(trips, names, dict(zip(names, zip(*_labels(rows, tallies), strict=True), strict=True)))


def ranking_json(state: CustomerRankingState) -> bytes:
    """The state as JSON."""
    return _encoder.encode(state.to_json())


def ranking_json_of_rows(rows: Rows) -> bytes:
    """`ranking_json` of the state of these rows, without making the state where nothing is beyond its bound."""
    visits = rows.visits
    lines = [row[5] for row in visits]
    named = list(chain.from_iterable(lines))
    numbers = sorted(set(named))
    if len(numbers) > ITEMS_KEPT:
        return ranking_json(ranking_state_of_rows(rows))
    names, tallies = _chosen(rows, numbers)
    categories, types = _labels(rows, tallies)
    if len(numbers) < len(rows.items):
        place = dict(zip(numbers, range(len(numbers)), strict=True))
        named = list(map(place.__getitem__, named))
    store_ids = [row[2] for row in visits]
    stores = sorted(set(store_ids))
    number_of = {store: number for number, store in enumerate(stores)}
    sizes = list(map(len, lines))
    return _encoder.encode(
        {
            "format": FORMAT_VERSION,
            "items": names,
            "categories": categories,
            "types": types,
            "stores": stores,
            "visit_at_seconds": [row[0] for row in visits],
            "visit_utc_offset_minutes": [row[3] for row in visits],
            "visit_stores": [number_of[store] for store in store_ids],
            "visit_sizes": sizes,
            "line_visits": list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))),
            "line_items": named,
        }
    )


def _chosen(rows: Rows, numbers: Sequence[int]) -> tuple[Sequence[str], Sequence[list[int] | None]]:
    """Items with these numbers, which ascend, and their tallies."""
    if len(numbers) == len(rows.items):
        return rows.items, rows.tallies
    return list(map(rows.items.__getitem__, numbers)), list(map(rows.tallies.__getitem__, numbers))


def _labels(rows: Rows, tallies: Sequence[list[int] | None]) -> tuple[Sequence[str], Sequence[str]]:
    """Their categories and types; empty ones where nothing is known of an item but its visits."""
    words = rows.words
    return [words[row[10]] if row else "" for row in tallies], [words[row[11]] if row else "" for row in tallies]


def labels_of(facet: Facet) -> dict[str, tuple[str, str]]:
    """(category, type) of each item met, as its latest line said."""
    return {item: tally.label[2:] for item, tally in facet.items.items()}
