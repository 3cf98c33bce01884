"""Laws of the synthetic shoppers."""

from datetime import timedelta

from libs.laptop.shoppers import WALLET_VOUCHERS, Reaction, Shoppers, Why, chance_ratio
from tests.support.receipts import NOON, voucher

CATEGORIES = {"milk": "DAIRY", "bread": "BAKERY"}


def shoppers(seed: int = 1) -> Shoppers:
    return Shoppers(seed, CATEGORIES, {"DAIRY": "milk", "BAKERY": "bread"})


def test_a_category_that_is_in_the_real_basket_anyway_is_relevance_and_adds_nothing() -> None:
    known = shoppers()
    known.receive("7", [voucher()])
    (reaction,) = known.react("7", "b1", ["milk"], NOON)
    assert reaction.why is Why.RELEVANCE
    assert reaction.added_item_id is None


def test_an_uplift_adds_an_item_of_the_vouchers_category() -> None:
    reactions = [found for basket in range(400) for found in reacted(f"b{basket}")]
    assert reactions
    assert {(reaction.why, reaction.added_item_id) for reaction in reactions} == {(Why.UPLIFT, "milk")}


def reacted(basket_id: str) -> list[Reaction]:
    known = shoppers()
    known.receive("7", [voucher()])
    return known.react("7", basket_id, ["bread"], NOON)


def test_uplift_happens_about_as_often_as_the_model_says() -> None:
    hits = sum(bool(reacted(f"b{basket}")) for basket in range(3000))
    assert abs(hits / 3000 - chance_ratio(voucher())) < 0.02


def test_the_same_seed_voucher_and_basket_give_the_same_reaction_whatever_happened_before() -> None:
    other = shoppers()
    for basket in range(50):
        other.receive("8", [voucher(f"w{basket}")])
        other.react("8", f"x{basket}", ["bread"], NOON)
    for basket in range(100):
        other.receive("7", [voucher()])
        assert bool(other.react("7", f"b{basket}", ["bread"], NOON)) == bool(reacted(f"b{basket}"))


def test_a_voucher_is_handed_in_once() -> None:
    known = shoppers()
    known.receive("7", [voucher()])
    assert known.react("7", "b1", ["milk"], NOON)
    assert not known.react("7", "b2", ["milk"], NOON)


def test_a_voucher_is_not_handed_in_outside_its_validity() -> None:
    known = shoppers()
    known.receive("7", [voucher()])
    assert not known.react("7", "b1", ["milk"], voucher().valid_from - timedelta(seconds=1))
    assert not known.react("7", "b2", ["milk"], voucher().expires_at)


def test_one_voucher_a_category_at_one_basket() -> None:
    known = shoppers()
    known.receive("7", [voucher("v1"), voucher("v2")])
    assert [found.voucher.voucher_id for found in known.react("7", "b1", ["milk"], NOON)] == ["v1"]
    assert [found.voucher.voucher_id for found in known.react("7", "b2", ["milk"], NOON)] == ["v2"]


def test_a_wallet_loses_the_oldest_vouchers_first() -> None:
    known = shoppers()
    known.receive("7", [voucher(f"v{number:02}") for number in range(WALLET_VOUCHERS + 1)])
    (reaction,) = known.react("7", "b1", ["milk"], NOON)
    assert reaction.voucher.voucher_id == "v01"
