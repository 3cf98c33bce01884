"""Laws of sketches: what they can name ranks as the whole state ranks it, alone and in company, with and without a trip in hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.ranking.crowd import Crowd
from libs.ranking.features import Candidates, asked_together, question_of
from libs.ranking.history import History
from libs.ranking.model import CELLS, Model, untrained
from libs.ranking.population import PopulationState
from libs.ranking.ranked import Ranked
from libs.ranking.ranker import LearnedRanker, Posed, PriorRanker, Ranker
from libs.ranking.schema import FEATURES
from libs.ranking.sketch import ITEMS_NAMED, Sketch
from libs.ranking.sketched import POPULAR_BESIDE_MANY, Sketched, candidates_by_sketch
from libs.ranking.state import DAY_SECONDS, CustomerRankingState, Moment, MomentKind, PastVisit, state_of
from libs.ranking.trips_in_hand import PosedBySketch
from services.profile.domain.population import NEVER_SECONDS, PopulationLearner
from tests.support.shopping import START_SECONDS, a_trip

ITEMS = [f"{letter}{number}" for letter in "abcdefgh" for number in range(6)]
LABELS = {item: (f"category of {item[0]}", f"type {item[0]}{int(item[1]) // 2}") for item in ITEMS}
STORES = ("s1", "s2", "s3")
FEW = 7


@dataclass(frozen=True)
class Asker:
    """Somebody with trips, at a moment, perhaps with a basket in hand."""

    trips: tuple[PastVisit, ...]
    moment: Moment
    basket: tuple[str, ...]

    @property
    def state(self) -> CustomerRankingState:
        return state_of(self.trips, LABELS)

    def by_sketch(self, most: int) -> PosedBySketch:
        return PosedBySketch(Sketch.of(self.state, most), self.moment, self.basket)

    def by_state(self) -> Posed:
        return Posed(self.state, self.moment, self.basket)


def an_asker(seed: int) -> Asker:
    """Of nobody's, one, or many trips; now and then an item that nobody else knows."""
    random, day, trips = Random(seed), 0.0, list[PastVisit]()
    favourites = random.sample(ITEMS, 5)
    for _ in range(random.choice((0, 1, 2, 12, 30))):
        bought = [*random.sample(favourites, 2), *random.sample(ITEMS, random.randint(0, 4))]
        trips.append(a_trip(day, *bought, store_id=random.choice(STORES[:2])))
        day += random.choice((0.2, 1.0, 3.5, 7.0))
    at = START_SECONDS + int((day + random.random()) * DAY_SECONDS)
    kind: MomentKind = "till" if random.random() < 0.7 else "arrival"
    moment = Moment(at, random.choice(STORES), kind, random.choice((0, 60, -300)))
    basket = [*random.sample(ITEMS, 4), *favourites[:2], "nobody knows it"][random.randint(0, 3) :]
    return Asker(tuple(trips), moment, tuple(basket) if random.random() < 0.8 else ())


def a_population() -> PopulationState:
    learner, random = PopulationLearner(), Random(5)
    for visit in range(120):
        items = tuple(sorted({*random.choices(ITEMS, range(1, len(ITEMS) + 1), k=4), *(ITEMS if visit == 0 else ())}))
        rows = learner.rows(items, LABELS)
        learner.learn(rows, START_SECONDS + visit * DAY_SECONDS // 4, np.full(len(rows), NEVER_SECONDS))
    learner.review_popular(START_SECONDS + 30 * DAY_SECONDS)
    return learner.state


POPULATION = a_population()
CROWD = Crowd.of(POPULATION)
_RANDOM = np.random.default_rng(3)
MODEL = Model("any", 1, _RANDOM.normal(size=untrained("any").knots.shape), _RANDOM.normal(size=CELLS))
RANKERS: list[Ranker] = [LearnedRanker.of(MODEL), PriorRanker()]
ASKERS = st.integers(0, 10_000).map(an_asker)


def whole(asker: Asker) -> Candidates:
    """The candidates by features.py."""
    state, moment = asker.state, asker.moment
    if asker.basket:
        moment = replace(moment, kind="till")
        state = state.with_visit(moment, asker.basket, POPULATION.labels_of(asker.basket))
    history = History.of(state, POPULATION)
    [asked] = asked_together([question_of(history, POPULATION, [moment])], POPULATION)
    return Candidates.of(asked, POPULATION, state.items)


def by_sketch(asker: Asker, most: int) -> tuple[Sketched, Sequence[str]]:
    """The candidates, and their names."""
    found = candidates_by_sketch([asker.by_sketch(most)], CROWD)
    [one] = found.each()
    return found, [one.name(place) for place in range(len(found.rows))]


def content(ranked: Ranked) -> tuple[object, ...]:
    """With the reasons."""
    return ranked.item_ids, ranked.scores.tolist(), [ranked.why(place) for place in range(len(ranked.item_ids))]


@settings(max_examples=150)
@given(ASKERS, st.sampled_from([1, FEW, 1000]))
def test_every_candidate_has_the_features_that_it_has_by_the_whole_state(asker: Asker, most: int) -> None:
    full, (found, names) = whole(asker), by_sketch(asker, most)
    place = {item: number for number, item in enumerate(full.item_ids)}
    places = [place[item] for item in names]
    apart = np.flatnonzero((full.levels[:, places] != found.levels).any(axis=1))
    assert [FEATURES[row].name for row in apart] == []
    assert np.allclose(full.faded_120[places], found.faded_120, rtol=1e-12)
    assert full.popularity[places].tobytes() == found.popularity.tobytes()
    assert full.type_slots[places].tolist() == found.type_slots.tolist()
    assert full.category_slots[places].tolist() == found.category_slots.tolist()


@settings(max_examples=60)
@given(ASKERS, st.sampled_from(RANKERS))
def test_what_a_sketch_can_name_ranks_as_the_whole_state_ranks_it(asker: Asker, ranker: Ranker) -> None:
    [needs] = ranker.rank_by_sketch([asker.by_sketch(FEW)], CROWD, 20)
    whole_needs = ranker.rank(asker.state, POPULATION, asker.moment, 1000, asker.basket)
    _, names = by_sketch(asker, FEW)
    same = [need for need in whole_needs if need.item_id in names][:20]
    assert needs.item_ids == [need.item_id for need in same]
    assert needs.scores.tolist() == pytest.approx([need.score for need in same], rel=1e-12)


@settings(max_examples=60)
@given(ASKERS, st.sampled_from(RANKERS))
def test_who_bought_few_things_gets_the_whole_ranking(asker: Asker, ranker: Ranker) -> None:
    [needs] = ranker.rank_by_sketch([asker.by_sketch(ITEMS_NAMED)], CROWD, 60)
    full = ranker.rank(asker.state, POPULATION, asker.moment, 60, asker.basket)
    assert needs.item_ids == [need.item_id for need in full]
    assert needs.scores.tolist() == pytest.approx([need.score for need in full], rel=1e-12)


@settings(max_examples=30)
@given(st.lists(ASKERS, min_size=2, max_size=6), st.sampled_from([FEW, 1000]), st.sampled_from(RANKERS))
def test_everybody_gets_in_company_what_it_gets_alone(askers: list[Asker], most: int, ranker: Ranker) -> None:
    posed = [asker.by_sketch(most) for asker in askers]
    together = [content(one) for one in ranker.rank_by_sketch(posed, CROWD, 30)]
    assert together == [content(one) for asked in posed for one in ranker.rank_by_sketch([asked], CROWD, 30)]


@given(ASKERS, st.sampled_from([FEW, 1000]))
def test_a_sketch_is_a_function_of_the_state_and_survives_its_bytes(asker: Asker, most: int) -> None:
    stored = Sketch.of(asker.state, most).encode()
    assert Sketch.of(CustomerRankingState.decode(asker.state.encode()), most).encode() == stored
    assert Sketch.decode(stored).encode() == stored
    posed = [replace(asker.by_sketch(most), sketch=Sketch.decode(stored)), asker.by_sketch(most)]
    first, second = RANKERS[0].rank_by_sketch(posed, CROWD, 30)
    assert content(first) == content(second)


def test_what_is_bought_often_and_lately_can_be_named_and_nothing_more() -> None:
    trips = [a_trip(day, "a1", *(["b2"] if day < 20 else ["c3"]), f"x{day}") for day in range(40)]
    sketch = Sketch.of(state_of(trips, LABELS), 3)
    assert sketch.items == ("a1", "b2", "c3")
    assert len(sketch.rest_hashes) == 40
    assert Sketch.of(state_of(trips, LABELS), 2).items == ("a1", "c3"), "of what was bought as often, the later"
    state = state_of(trips, LABELS)
    _, names = by_sketch(Asker(tuple(trips), Moment(START_SECONDS + 41 * DAY_SECONDS, "s1", "till"), ("x7",)), 3)
    assert names[:3] == ["a1", "b2", "c3"]
    assert len(names) == 3 + POPULAR_BESIDE_MANY
    assert not set(names[3:]) & {*state.items, "x7"}, "what was bought is not discovered"


def test_a_sketch_is_smaller_than_its_state() -> None:
    random = Random(1)
    names = [f"{number:013}" for number in range(3000)]
    labels = {name: (f"category {int(name) % 60}", f"some type of goods {int(name) % 300}") for name in names}
    trips = [a_trip(7 * trip, *random.sample(names, 12)) for trip in range(52)]
    state = state_of(trips, labels)
    assert len(state.items) > 2 * ITEMS_NAMED
    assert len(Sketch.of(state).encode()) < 0.9 * len(state.encode())


@pytest.mark.parametrize("content", [b"", b"\x01\x00\x00\x00\x91", b"\x07\x00\x00\x00\x96\x09\x90\x90\x00\x90\x90"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="sketch"):
        Sketch.decode(content)
