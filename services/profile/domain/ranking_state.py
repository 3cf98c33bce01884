"""From a folded facet to the compact state that rankers read; the folder puts it into snapshots, the learner asks it as of a basket."""

from libs.ranking.state import CustomerRankingState, PastVisit, state_of
from services.profile.domain.facet import Facet, VisitKey


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


def labels_of(facet: Facet) -> dict[str, tuple[str, str]]:
    """(category, type) of each item met, as its latest line said."""
    return {item: tally.label[2:] for item, tally in facet.items.items()}
