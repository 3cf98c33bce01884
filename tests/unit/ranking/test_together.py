"""The law of asking together: every number is what it is when the question is asked alone, whoever else asks."""

from random import Random

import numpy as np
import pytest

from libs.ranking.features import Asked, asked_at, asked_together, question_of
from libs.ranking.history import History
from libs.ranking.population import PopulationState
from libs.ranking.state import CustomerRankingState, Moment, state_of
from services.profile.domain.population import NEVER_SECONDS, PopulationLearner
from tests.support.shopping import START_SECONDS, a_chain_of_trips, a_trip, labels_for

DAY = 86_400
CHAIN = a_chain_of_trips(customers=9, trips=14, seed=4)


def a_learner() -> PopulationLearner:
    learner = PopulationLearner()
    for _, trip in CHAIN[:80]:
        rows = learner.rows(trip.items, labels_for(trip.items))
        learner.learn(rows, trip.at_seconds, np.full(len(rows), NEVER_SECONDS))
        learner.review_popular(trip.at_seconds)
    return learner


def some_customers(seed: int) -> list[CustomerRankingState]:
    """Of all lengths: nobody's, one trip, and up to fourteen; one of them has an item that nobody else knows."""
    random, states = Random(seed), [state_of((), {}), state_of([a_trip(3, "a1", "never seen")], labels_for(["a1"]))]
    for customer in {customer for customer, _ in CHAIN}:
        trips = [trip for name, trip in CHAIN if name == customer][: random.randint(1, 14)]
        states.append(state_of(trips, labels_for([item for trip in trips for item in trip.items])))
    return random.sample(states, len(states))


def some_moments(random: Random) -> list[Moment]:
    at = START_SECONDS + random.randint(20, 60) * DAY + random.randint(0, DAY)
    stores = [random.choice(["s1", "s2", "elsewhere"]) for _ in range(2)]
    return [Moment(at, stores[0], "arrival", 60), Moment(at - 2 * DAY, stores[1], "till", -120)]


def content(asked: Asked) -> list[bytes]:
    numbers = (asked.rows, asked.levels, asked.faded_120, asked.popularity, asked.category_slots, asked.type_slots)
    return [bytes([asked.owned]), *(np.ascontiguousarray(one).tobytes() for one in numbers)]


def of(state: CustomerRankingState, population: PopulationState) -> History:
    return History.of(state, population)


@pytest.mark.parametrize("seed", range(5))
def test_a_question_has_the_same_numbers_in_any_company(seed: int) -> None:
    population, random = a_learner().state, Random(seed)
    asked = [(of(state, population), some_moments(random)) for state in some_customers(seed)]
    alone = [asked_at(history, population, moments) for history, moments in asked]
    questions = [question_of(history, population, moments) for history, moments in asked]
    for size in (2, 5, len(questions)):
        groups = [questions[start : start + size] for start in range(0, len(questions), size)]
        together = [one for group in groups for one in asked_together(group, population)]
        assert [content(one) for one in together] == [content(one) for one in alone]


def test_a_question_keeps_what_was_known_when_it_was_asked() -> None:
    learner = a_learner()
    population, moments = learner.state, some_moments(Random(1))
    histories = [of(state, population) for state in some_customers(1)]
    then = [content(asked_at(history, population, moments)) for history in histories]
    questions = [question_of(history, population, moments) for history in histories]
    for _, trip in CHAIN[80:]:
        rows = learner.rows([*trip.items, f"new on {trip.at_seconds}"], labels_for(trip.items))
        learner.learn(rows, trip.at_seconds + 60 * DAY, np.full(len(rows), NEVER_SECONDS))
        learner.review_popular(trip.at_seconds + 60 * DAY)
    assert [content(one) for one in asked_together(questions, population)] == then
    assert [content(asked_at(history, population, moments)) for history in histories] != then
