"""From a folded facet to the compact state that rankers read; the folder puts it into snapshots, the learner asks it as of a basket."""

from bisect import bisect_left
from itertools import chain

import numpy as np

from libs.ranking.state import CustomerRankingState, PastVisit, Trips, state_of, state_of_trips
from services.profile.domain.facet import Facet, VisitKey
from services.profile.domain.facet_codec import Rows


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


def labels_of(facet: Facet) -> dict[str, tuple[str, str]]:
    """(category, type) of each item met, as its latest line said."""
    return {item: tally.label[2:] for item, tally in facet.items.items()}
