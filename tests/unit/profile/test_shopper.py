"""Laws of what the learner remembers of a customer: it is what the facet knew then, in whatever order it came, and bounded alike."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from msgspec.structs import replace

from libs.ranking.features import asked_at
from libs.ranking.history import History
from libs.ranking.state import Moment
from services.profile.domain import facet as bounds
from services.profile.domain import shopper as shoppers
from services.profile.domain.contact import Purchase, tie_of
from services.profile.domain.facet import EMPTY, VisitKey
from services.profile.domain.facet_codec import encode, read_rows
from services.profile.domain.facet_of import apply_all, visit_of, week_of
from services.profile.domain.pace import Pace
from services.profile.domain.population import NEVER_SECONDS, Basket, PopulationLearner
from services.profile.domain.ranking_state import ranking_state_of_rows
from services.profile.domain.shopper import Shopper
from services.profile.domain.value import value_of
from tests.support.remembered import state_in
from tests.support.shopping import a_line, a_purchase

CATALOGUE = [f"{letter}{number}" for letter in "abcdef" for number in range(9)]


def some_purchases(seed: int, count: int = 60) -> list[Purchase]:
    random, day, made = Random(seed), 0.0, []
    for number in range(count):
        items = random.sample(CATALOGUE, random.randint(1, 9))
        made.append(a_purchase(f"e{number}", day=day, items=items, store_id=f"s{random.randint(0, 2)}"))
        day += random.choice([0.0, 0.1, 1.0, 6.5, 30.0])
    return sorted(made, key=lambda one: (one.occurred_at_seconds, tie_of(one.event_id)))


def basket_of(purchase: Purchase, population: PopulationLearner) -> Basket:
    labels = {line.item_id: (line.category, line.type) for line in purchase.lines}
    return population.basket(key_of(purchase), visit_of(purchase), labels)


def key_of(purchase: Purchase) -> VisitKey:
    return VisitKey(purchase.occurred_at_seconds, tie_of(purchase.event_id))


def told(purchases: Sequence[Purchase], population: PopulationLearner) -> Shopper:
    shopper = Shopper()
    for purchase in purchases:
        shopper.add(basket_of(purchase, population))
    return shopper


@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_before_any_basket_is_what_the_facet_knew_before_it(seed: int) -> None:
    purchases, population = some_purchases(seed), PopulationLearner()
    rows, shopper = read_rows(encode(apply_all(EMPTY, purchases))), Shopper()
    for purchase in purchases:
        known = shopper.history(population.state, key_of(purchase))
        assert state_in(known, population) == ranking_state_of_rows(rows, before=key_of(purchase))
        shopper.add(basket_of(purchase, population))


def test_a_late_basket_is_asked_about_as_of_its_own_time() -> None:
    purchases, population = some_purchases(9), PopulationLearner()
    shopper = told(purchases, population)
    for purchase in purchases[::7]:
        facet = ranking_state_of_rows(read_rows(encode(apply_all(EMPTY, purchases))), before=key_of(purchase))
        assert state_in(shopper.history(population.state, key_of(purchase)), population) == facet
        last = shopper.last_purchases(basket := basket_of(purchase, population))
        then = told(purchases[: purchases.index(purchase)], population)
        assert last.tolist() == then.last_purchases(basket).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_does_not_matter_and_a_repeat_changes_nothing(seed: int) -> None:
    purchases, population = some_purchases(seed), PopulationLearner()
    orderly = told(purchases, population)
    mixed = Random(seed).sample([*purchases, *purchases[::5]], len(purchases) + len(purchases[::5]))
    assert told(mixed, population).encode() == orderly.encode()


@pytest.mark.parametrize("late", [["a1", "b2"], []])
def test_a_late_trip_is_remembered_after_trips_without_any_item_that_is_known(late: list[str]) -> None:
    population = PopulationLearner()
    empty = [a_purchase(f"empty{day}", day=float(day), items=[]) for day in (3, 4)]
    earlier = a_purchase("late", day=1.0, items=late)
    assert told([*empty, earlier], population).encode() == told([earlier, *empty], population).encode()


def test_a_shopper_survives_storage() -> None:
    purchases, population = some_purchases(3), PopulationLearner()
    resumed = Shopper.decode(told(purchases[:30], population).encode())
    for purchase in purchases[30:]:
        resumed.add(basket_of(purchase, population))
    assert resumed.encode() == told(purchases, population).encode()
    basket = basket_of(a_purchase("new", day=2000, items=["a1", "b2", "never"]), population)
    assert resumed.last_purchases(basket).tolist() == told(purchases, population).last_purchases(basket).tolist()
    assert resumed.last_purchases(basket)[-1] == NEVER_SECONDS
    with pytest.raises(ValueError, match="format"):
        Shopper.decode(b"\x99\x63" + resumed.encode()[2:])


def test_the_bounds_are_those_of_the_facet_and_of_its_ranking_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bounds, shoppers):
        monkeypatch.setattr(module, "VISITS_KEPT", 20)
    monkeypatch.setattr("libs.ranking.state.ITEMS_KEPT", 10)
    monkeypatch.setattr(shoppers, "ITEMS_KEPT", 10)
    purchases, population, shopper = some_purchases(5), PopulationLearner(), Shopper()
    for number, purchase in enumerate(purchases):
        history = shopper.history(population.state, key_of(purchase))
        facet = ranking_state_of_rows(read_rows(encode(apply_all(EMPTY, purchases[:number]))))
        assert {population.state.item_ids[row] for row in history.rows.tolist()} == set(facet.items)
        assert history.trips.sizes.tolist() == facet.visit_sizes.tolist()
        shopper.add(basket_of(purchase, population))
    assert shopper.visits == 20


def test_the_label_of_the_latest_line_counts() -> None:
    population, shopper = PopulationLearner(), Shopper()
    for purchase in (_with_other_labels(a_purchase("e2", day=2)), a_purchase("e1", day=1)):
        shopper.add(basket_of(purchase, population))
    state = state_in(shopper.history(population.state, VisitKey(1 << 40, 0)), population)
    assert state.categories == ("dairy",)


def test_a_history_stays_as_it_was_when_the_next_trip_tells_of_other_labels() -> None:
    population, shopper = PopulationLearner(), Shopper()
    shopper.add(basket_of(a_purchase("e1", day=1, items=["milk", "bread"]), population))
    history = shopper.history(population.state, VisitKey(1 << 40, 0))
    before = state_in(history, population)
    shopper.add(basket_of(_with_other_labels(a_purchase("e2", day=2)), population))
    after = shopper.history(population.state, VisitKey(1 << 40, 0))
    assert state_in(history, population) == before
    assert state_in(after, population).categories != before.categories


def _with_other_labels(purchase: Purchase) -> Purchase:
    line = a_line("milk")
    return replace(purchase, lines=(type(line)("milk", "dairy", line.type, 1000, 199),))


def test_candidates_are_those_of_the_ranking_state_at_both_moments() -> None:
    purchases, population = some_purchases(2), PopulationLearner()
    for purchase in purchases:
        basket = basket_of(purchase, population)
        population.learn(basket.rows, basket.key.at_seconds, np.full(len(basket.rows), NEVER_SECONDS))
        population.review_popular(basket.key.at_seconds)
    key = VisitKey(purchases[-1].occurred_at_seconds + 86_400, 0)
    moments = [Moment(key.at_seconds, "s1", "arrival"), Moment(key.at_seconds - 86_400, "s0", "till")]
    state = ranking_state_of_rows(read_rows(encode(apply_all(EMPTY, purchases))))
    ours = asked_at(told(purchases, population).history(population.state, key), population.state, moments)
    theirs = [asked_at(History.of(state, population.state), population.state, [moment]) for moment in moments]
    order, there = np.argsort(ours.rows), np.argsort(theirs[0].rows)
    assert ours.rows[order].tolist() == theirs[0].rows[there].tolist()
    apart = [ours.levels[:, at][:, order].astype(int) - one.levels[:, 0][:, there] for at, one in enumerate(theirs)]
    assert np.abs(apart).max() <= 1  # sums are added in another order
    assert np.count_nonzero(apart) < 5


@pytest.mark.parametrize("seed", range(3))
def test_the_pace_is_what_weekly_tallies_say(seed: int) -> None:
    purchases, pace = some_purchases(seed), Pace()
    for number, purchase in enumerate(purchases):
        at = purchase.occurred_at_seconds
        pace.add(week_of(at), sum(line.amount_cents for line in purchase.lines))
        value = value_of(apply_all(EMPTY, purchases[: number + 1]), at)
        assert pace.weekly_cents == pytest.approx(value.weekly_cents, abs=1)
        assert pace.weekly_visits == pytest.approx(value.weekly_visits)
        assert pace.trend_ratio == pytest.approx(value.trend_ratio)
    late = Pace()
    for purchase in Random(seed).sample(purchases, len(purchases)):
        late.add(week_of(purchase.occurred_at_seconds), sum(line.amount_cents for line in purchase.lines))
    assert (late.first, late.newest) == (pace.first, pace.newest)
    assert late.cents == pytest.approx(pace.cents)
