"""Laws of scoring: pure, indifferent to the order of candidates, harmless with what it has never seen."""

from base64 import b64encode
from dataclasses import replace
from zlib import compress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.ranking.features import candidates_of
from libs.ranking.history import History
from libs.ranking.model import CELLS, Model, cells_of, parts_of, score, table_of, untrained
from libs.ranking.population import PopulationState, greatest
from libs.ranking.ranker import LearnedRanker, Posed, PriorRanker, Ranker
from libs.ranking.schema import FEATURES
from libs.ranking.state import CustomerRankingState, Moment, MomentKind, state_of
from services.profile.domain.population import NEVER_SECONDS, PopulationLearner
from tests.support.shopping import START_SECONDS, a_chain_of_trips, a_trip, labels_for

NOW = START_SECONDS + 86_400 * 40
ARRIVAL = Moment(NOW, "s1", "arrival")
TILL = Moment(NOW, "s1", "till")


def a_population() -> PopulationState:
    learner = PopulationLearner()
    for _, trip in a_chain_of_trips(customers=6, trips=6, seed=1):
        rows = learner.rows(trip.items, labels_for(trip.items))
        learner.learn(rows, trip.at_seconds, np.full(len(rows), NEVER_SECONDS))
    learner.review_popular(NOW)
    return learner.state


def a_model(seed: int = 0) -> Model:
    random = np.random.default_rng(seed)
    knots = random.normal(size=untrained("any").knots.shape)
    return Model("any", 1, knots, random.normal(size=CELLS))


def a_customer() -> CustomerRankingState:
    made = [a_trip(day, "a1", "b2", *(["c3"] if day % 14 == 0 else []), f"x{day}") for day in range(0, 40, 7)]
    return state_of(made, labels_for([item for trip in made for item in trip.items]))


RANKERS = [PriorRanker(), LearnedRanker.of(a_model()), LearnedRanker.of(untrained("any"))]


@pytest.mark.parametrize("ranker", RANKERS)
@pytest.mark.parametrize("moment", [ARRIVAL, TILL])
def test_the_same_question_has_the_same_answer(ranker: Ranker, moment: Moment) -> None:
    population = a_population()
    copied = PopulationState.decode(population.encode())
    state = CustomerRankingState.decode(a_customer().encode())
    assert ranker.rank(a_customer(), population, moment, 20) == ranker.rank(state, copied, moment, 20)


@pytest.mark.parametrize("ranker", RANKERS)
def test_the_best_come_first_and_k_bounds_the_answer(ranker: Ranker) -> None:
    needs = ranker.rank(a_customer(), a_population(), ARRIVAL, 20)
    assert [need.score for need in needs] == sorted((need.score for need in needs), reverse=True)
    assert len({need.item_id for need in needs}) == len(needs) == 20
    assert ranker.rank(a_customer(), a_population(), ARRIVAL, 3) == needs[:3]
    assert all(need.reasons for need in needs[:3])


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_stranger_is_told_what_is_popular(ranker: Ranker) -> None:
    population = a_population()
    needs = ranker.rank(state_of((), {}), population, ARRIVAL, 5)
    assert {need.item_id for need in needs} <= set(population.item_ids[1:])
    assert len(needs) == 5


@pytest.mark.parametrize("ranker", RANKERS)
def test_what_nobody_has_seen_is_harmless(ranker: Ranker) -> None:
    made = [a_trip(day, "never seen", "a1") for day in range(4)]
    needs = ranker.rank(state_of(made, {}), PopulationState(), Moment(NOW, "no such store", "arrival"), 10)
    assert {need.item_id for need in needs} == {"never seen", "a1"}
    assert all(np.isfinite(need.score) for need in needs)


@settings(max_examples=20)
@given(st.permutations(range(12)), st.sampled_from(["arrival", "till"]))
def test_the_order_of_candidates_does_not_matter(order: list[int], kind: MomentKind) -> None:
    population, state, model = a_population(), a_customer(), a_model()
    candidates = candidates_of(History.of(state, population), population, replace(ARRIVAL, kind=kind), state.items)
    table = table_of(model.knots, model.cells)
    mixed = replace(
        candidates,
        item_ids=tuple(candidates.item_ids[number] for number in order),
        levels=candidates.levels[:, order],
        category_slots=candidates.category_slots[order],
        type_slots=candidates.type_slots[order],
    )
    there = score(parts_of(table, cells_of(candidates)))[order]
    assert score(parts_of(table, cells_of(mixed))).tobytes() == there.tobytes()


@pytest.mark.parametrize("ranker", RANKERS)
def test_who_is_ranked_together_gets_the_answer_of_being_ranked_alone(ranker: Ranker) -> None:
    stranger, known = state_of((), {}), a_customer()
    baskets = [(), ("a1", "b2"), ("never seen", "c3"), ("x7",)]
    posed = [
        Posed(state, moment, basket) for state in (known, stranger) for moment in (ARRIVAL, TILL) for basket in baskets
    ]
    alone = [ranker.rank(one.state, a_population(), one.moment, 9, one.basket_in_hand) for one in posed]
    assert ranker.rank_together(posed, a_population(), 9) == alone
    assert all(len(needs) == 9 for needs in alone)


def test_items_in_hand_are_left_out_unless_their_rhythm_says_so() -> None:
    daily = [a_trip(day, "a1", *(["z9"] if day in {0, 20} else [])) for day in range(39)]
    state = state_of(daily, labels_for(["a1", "z9"]))
    needs = PriorRanker().rank(state, a_population(), TILL, 50, basket_in_hand=("a1", "z9", "b2"))
    named = [need.item_id for need in needs]
    assert "a1" in named  # bought every day: wanted tomorrow too
    assert "z9" not in named  # every three weeks: not again tomorrow
    assert "b2" not in named  # new in hand


def test_a_model_survives_json_and_its_id_tells_weights_apart() -> None:
    model = a_model()
    copied = Model.from_json(model.to_json())
    assert copied.id == model.id
    assert np.array_equal(copied.knots, model.knots)
    assert a_model(seed=1).id != model.id
    assert replace(model, number=2).id != model.id
    assert model.id.startswith("any-1-")


def test_a_model_of_the_format_before_is_read() -> None:
    model = a_model()
    now = model.to_json()
    packed = {
        name: b64encode(compress(weights.astype("<f8").tobytes(), 6)).decode()
        for name, weights in (("knots", model.knots), ("cells", model.cells))
    }
    earlier = {name: now[name] for name in ("name", "number", "features")} | {"format": 1, **packed}
    assert Model.from_json(earlier).id == model.id


def test_cells_that_were_never_touched_stay_zero() -> None:
    model = a_model()
    model.cells[::3] = 0.0
    assert Model.from_json(model.to_json()).id == model.id


def test_a_model_with_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        Model.from_json(a_model().to_json() | {"features": [feature.name for feature in FEATURES[1:]]})


def test_an_untrained_model_ranks_owned_items_as_the_prior_does() -> None:
    population, state = a_population(), a_customer()
    learned = LearnedRanker.of(untrained("any")).rank(state, population, ARRIVAL, 3)
    prior = PriorRanker().rank(state, population, ARRIVAL, 3)
    assert [need.item_id for need in learned[:2]] == [need.item_id for need in prior[:2]]


def test_a_bounded_population_keeps_what_sells_most_and_reads_the_rest_as_unknown() -> None:
    population = a_population()
    bounded = PopulationState.decode(population.encode(most_items=10))
    assert len(bounded.item_ids) == 11
    kept = population.rows(bounded.item_ids[1:])
    faded = population.stats[1 : len(population.item_ids), 2]
    assert population.stats[kept, 2].min() >= np.sort(faded)[-10]
    assert LearnedRanker.of(a_model()).rank(a_customer(), bounded, ARRIVAL, 5)


@given(st.lists(st.integers(0, 5)), st.integers(1, 12))
def test_the_greatest_are_those_of_a_stable_order(counts: list[int], most: int) -> None:
    found = greatest(np.array(counts, np.float64), most)
    assert found.tolist() == sorted(range(len(counts)), key=lambda place: -counts[place])[:most]
