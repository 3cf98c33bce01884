"""Laws of the order in which a play sends, and of what is made up beforehand."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.laptop.opening_stock import opening_stock
from libs.laptop.play import by_hour, rounds
from tests.support.receipts import NOON, basket

baskets_of_an_hour = st.lists(st.sampled_from("abcd"), max_size=20).map(
    lambda customers: [basket(f"b{place}", customer_id=customer) for place, customer in enumerate(customers)]
)


@given(baskets_of_an_hour)
def test_a_round_holds_a_customer_once_and_keeps_each_customers_order(made: list) -> None:  # type: ignore[type-arg]  # of baskets
    found = rounds(made)
    assert all(len({each.customer_id for each in round_}) == len(round_) for round_ in found)
    for customer in "abcd":
        before = [each.basket_id for each in made if each.customer_id == customer]
        assert [each.basket_id for round_ in found for each in round_ if each.customer_id == customer] == before


def test_baskets_go_by_the_hour_and_silent_hours_are_passed_over() -> None:
    made = [basket(f"b{minutes}", at=NOON + timedelta(minutes=minutes)) for minutes in (0, 59, 60, 240)]
    assert [(hour, len(found)) for hour, found in by_hour(made)] == [
        (NOON, 2),
        (NOON + timedelta(hours=1), 1),
        (NOON + timedelta(hours=4), 1),
    ]


def test_opening_stock_is_uneven_and_the_same_for_the_same_seed() -> None:
    sold = {(str(store), "milk"): 40 for store in range(200)}
    made = opening_stock(sold, weeks=4.0, seed=1)
    assert made == opening_stock(dict(reversed(sold.items())), weeks=4.0, seed=1)
    assert made != opening_stock(sold, weeks=4.0, seed=2)
    assert min(made.values()) == 0
    assert max(made.values()) >= 4 * sorted(made.values())[100]
