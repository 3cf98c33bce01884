"""What the learner remembers of a customer, as the ranking state that it should be."""

from libs.ranking.history import History
from libs.ranking.state import CustomerRankingState, PastVisit, state_of
from services.profile.domain.population import PopulationLearner


def state_in(history: History, population: PopulationLearner) -> CustomerRankingState:
    """The ranking state that a history was made of."""
    trips, goods, state = history.trips, history.goods, population.state
    names = [state.item_ids[row] for row in goods.rows.tolist()]
    labels = {
        name: (state.categories.names[category], state.types.names[kind])
        for name, category, kind in zip(names, goods.category_codes, goods.type_codes, strict=True)
    }
    items: list[list[str]] = [[] for _ in range(history.visits)]
    for visit, item in zip(trips.line_visits.tolist(), trips.line_items.tolist(), strict=True):
        items[visit].append(names[item])
    stores = [history.store_names[number] for number in trips.stores.tolist()]
    columns = (trips.at_seconds.tolist(), trips.utc_offset_minutes.tolist(), stores, items)
    made = state_of([PastVisit(*row[:3], tuple(sorted(row[3]))) for row in zip(*columns, strict=True)], labels)
    assert made.visit_sizes.tolist() == [len(part) for part in items]
    return made
