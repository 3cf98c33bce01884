"""Laws of the offer policy."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.decisions.policy import (
    Offer,
    Prior,
    choose,
    distribution,
    incremental_margin_cents,
    stable_ratio,
    weighed,
)

OFFERS = st.lists(
    st.builds(
        Offer,
        campaign_id=st.sampled_from(["a", "b", "c"]),
        category=st.sampled_from([f"category-{number}" for number in range(9)]),
        chance_ratio=st.floats(0, 1),
        known=st.booleans(),
        price_cents=st.integers(0, 5_000),
        discount_cents=st.integers(0, 500),
        exploration_ratio=st.floats(0, 1),
    ),
    unique_by=lambda offer: offer.key,
    max_size=20,
)


def an_offer(category: str, chance_ratio: float = 0.3, exploration_ratio: float = 0.1) -> Offer:
    return Offer(
        campaign_id="a",
        category=category,
        chance_ratio=chance_ratio,
        known=True,
        price_cents=300,
        discount_cents=30,
        exploration_ratio=exploration_ratio,
    )


@given(offers=OFFERS)
def test_propensities_sum_to_one(offers: list[Offer]) -> None:
    chances = [choice.propensity_ratio for choice in distribution(offers, Prior())]
    assert not offers or math.isclose(math.fsum(chances), 1.0, abs_tol=1e-9)
    assert all(0 <= chance <= 1 + 1e-9 for chance in chances)


@given(offers=OFFERS, seed=st.text(max_size=8), slots=st.integers(1, 3), shuffle=st.integers(0, 99))
def test_the_order_of_candidates_does_not_matter(offers: list[Offer], seed: str, slots: int, shuffle: int) -> None:
    shuffled = list(offers)
    Random(shuffle).shuffle(shuffled)
    assert choose(offers, Prior(), slots=slots, seed=seed) == choose(shuffled, Prior(), slots=slots, seed=seed)


@given(offers=OFFERS, seed=st.text(max_size=8))
def test_no_two_slots_speak_of_one_category(offers: list[Offer], seed: str) -> None:
    chosen = [choice.offer.category for choice in choose(offers, Prior(), slots=3, seed=seed)]
    assert len(chosen) == len(set(chosen)) == min(3, len({offer.category for offer in offers}))


def test_offers_are_drawn_as_often_as_their_propensity_says() -> None:
    offers = [an_offer("milk", 0.3), an_offer("bread", 0.05), an_offer("salt", 0.95)]
    chances = {choice.offer.category: choice.propensity_ratio for choice in distribution(offers, Prior())}
    draws = 20_000
    drawn = [choose(offers, Prior(), slots=1, seed=str(seed))[0].offer.category for seed in range(draws)]
    for category, chance in chances.items():
        tolerance = 4 * math.sqrt(chance * (1 - chance) / draws)
        assert drawn.count(category) / draws == pytest.approx(chance, abs=tolerance)


@given(offers=OFFERS, most=st.integers(1, 20))
def test_the_strongest_are_weighed_as_if_there_were_no_others(offers: list[Offer], most: int) -> None:
    strongest = sorted(offers, key=lambda offer: (-incremental_margin_cents(offer, Prior()), offer.key))[:most]
    assert weighed(offers, Prior(), most) == distribution(strongest, Prior())


def test_every_offer_of_an_exploring_campaign_has_its_floor() -> None:
    choices = distribution([an_offer(f"category-{number}", number / 10) for number in range(10)], Prior())
    assert all(choice.propensity_ratio >= 0.1 / 10 for choice in choices)


def test_neither_the_certain_nor_the_unwanted_pays_best() -> None:
    margins = {chance: incremental_margin_cents(an_offer("milk", chance), Prior()) for chance in (0.0, 0.3, 0.98)}
    assert margins[0.3] > margins[0.0] > margins[0.98]


def test_a_stable_ratio_depends_on_its_parts_alone_and_spreads_evenly() -> None:
    assert stable_ratio("a", "b") == stable_ratio("a", "b") != stable_ratio("ab")
    held_out = sum(stable_ratio("holdout", str(number)) < 0.05 for number in range(20_000))
    assert held_out / 20_000 == pytest.approx(0.05, abs=0.006)
