"""Laws of learning: a function of the ordered baskets that a restart does not change, and that finds what is there to be found."""

from collections.abc import Sequence
from zlib import compress

import msgspec
import numpy as np
import pytest

from libs.ranking.ranker import LearnedRanker, PriorRanker, Ranker
from libs.ranking.state import Moment, PastVisit, state_of
from services.profile.domain.contact import tie_of
from services.profile.domain.facet import EMPTY, VisitKey
from services.profile.domain.facet_of import apply_all
from services.profile.domain.needs import Learner
from services.profile.domain.ranking_state import labels_of, ranking_state
from tests.support.shopping import a_chain_of_trips, a_purchase, labels_for

CHAIN = a_chain_of_trips(customers=5, trips=12, seed=3)


def taught(learner: Learner, chain: Sequence[tuple[str, PastVisit]], known: dict[str, list[PastVisit]]) -> Learner:
    for customer, trip in chain:
        before = known.setdefault(customer, [])
        state = state_of(before, labels_for([item for earlier in before for item in earlier.items]))
        learner.learn(state, trip, labels_for(trip.items))
        before.append(trip)
    return learner


def test_the_same_baskets_teach_the_same() -> None:
    assert taught(Learner(), CHAIN, {}).encode() == taught(Learner(), CHAIN, {}).encode()


@pytest.mark.parametrize("every", [1, 3, 17])
def test_when_models_are_looked_at_changes_nothing(every: int) -> None:
    looked_at, known = Learner(), dict[str, list[PastVisit]]()
    for start in range(0, len(CHAIN), every):
        taught(looked_at, CHAIN[start : start + every], known)
        assert looked_at.needs.baskets <= start + every
    whole = taught(Learner(), CHAIN, {})
    assert looked_at.models(1)["till"].id == whole.models(1)["till"].id
    assert looked_at.encode() == whole.encode()


@pytest.mark.parametrize("stop", [0, 20, 59])
def test_a_restart_from_stored_bytes_changes_nothing(stop: int) -> None:
    known: dict[str, list[PastVisit]] = {}
    stored = taught(Learner(), CHAIN[:stop], known).encode()
    resumed = taught(Learner.decode(stored), CHAIN[stop:], known)
    whole = taught(Learner(), CHAIN, {})
    assert resumed.encode() == whole.encode()
    assert resumed.models(7)["till"].id == whole.models(7)["till"].id


def test_a_published_model_does_not_change_when_learning_goes_on() -> None:
    known: dict[str, list[PastVisit]] = {}
    learner = taught(Learner(), CHAIN[:40], known)
    model = learner.models(1)["arrival"]
    name = model.id
    taught(learner, CHAIN[40:], known)
    assert model.id == name != learner.models(1)["arrival"].id


def test_candidates_made_before_teach_as_those_made_anew() -> None:
    def teach(every: int) -> bytes:
        learner, known = Learner(["arrival"]), dict[str, list[PastVisit]]()
        for number, (customer, trip) in enumerate(CHAIN, 1):
            state = state_of(known.setdefault(customer, []), {})
            asked = (
                learner.asked(state, Moment(trip.at_seconds, trip.store_id, "arrival")) if number % every == 0 else None
            )
            learner.learn(state, trip, labels_for(trip.items), asked)
            known[customer].append(trip)
        return learner.encode()

    never = len(CHAIN) + 1
    assert teach(1) == teach(3) == teach(never)


def test_models_side_by_side_learn_as_each_alone() -> None:
    both = taught(Learner(), CHAIN, {}).models(1)
    for kind in ("arrival", "till"):
        alone = taught(Learner([kind]), CHAIN, {}).models(1)[kind]
        assert np.allclose(alone.knots, both[kind].knots, rtol=0, atol=1e-12)
        assert np.allclose(alone.cells, both[kind].cells, rtol=0, atol=1e-12)


def test_a_state_of_the_release_before_is_read() -> None:
    learner = taught(Learner(), CHAIN, {})
    weights, kinds = learner.needs, learner.needs.kinds
    cells, squares = weights.cells.reshape(2, -1), weights.cell_squares.reshape(2, -1)
    arrays = zip(weights.knots, cells, weights.knot_squares, squares, strict=True)
    needs = {
        kind: [weights.baskets, *(one.tobytes() for one in mine)] for kind, mine in zip(kinds, arrays, strict=True)
    }
    population = learner.population
    earlier = msgspec.msgpack.encode([1, needs, population.state.encode(), population.popular_at_slot])
    assert Learner.decode(compress(earlier)).encode() == learner.encode()
    with pytest.raises(ValueError, match="format"):
        Learner.decode(msgspec.msgpack.encode([9, [], b"", 0]))


def test_a_state_as_of_a_basket_does_not_see_what_came_later() -> None:
    purchases = [a_purchase(f"e{day}", day=day, items=("milk", f"x{day}")) for day in range(6)]
    ahead, then = apply_all(EMPTY, purchases), apply_all(EMPTY, purchases[:4])
    before = VisitKey(purchases[4].occurred_at_seconds, tie_of(purchases[4].event_id))
    assert ranking_state(ahead, before) == ranking_state(then)
    assert labels_of(ahead)["x5"] == ("category of x", "type of x5")


def test_learning_beats_the_prior_where_items_have_a_rhythm() -> None:
    def hits(ranker: Ranker | None) -> float:
        learner, known, found = Learner(["arrival"]), dict[str, list[PastVisit]](), 0.0
        for number, (customer, trip) in enumerate(a_chain_of_trips(customers=20, trips=40, seed=5)):
            before = known.setdefault(customer, [])
            state = state_of(before[-400:], labels_for([item for earlier in before for item in earlier.items]))
            if number >= 400:
                asked = ranker or LearnedRanker.of(learner.models(1)["arrival"])
                moment = Moment(trip.at_seconds, trip.store_id, "arrival")
                named = [need.item_id for need in asked.rank(state, learner.population.state, moment, 4)]
                found += len({*named} & {*trip.items}) / len(trip.items)
            learner.learn(state, trip, labels_for(trip.items))
            before.append(trip)
        return found

    assert hits(None) > 1.03 * hits(PriorRanker())
