"""Laws of a campaign's money."""

from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.money.budget import Budget, Wish, grant
from services.offers.domain.money.ledger import expired, issued, redeemed, rolled_back

CENTS = st.integers(0, 1_000)
WISHES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300)), max_size=30)


def wishes_of(asked: list[tuple[str, int]]) -> list[Wish]:
    return [Wish(f"{place:03}", campaign_id, cents) for place, (campaign_id, cents) in enumerate(asked)]


@given(caps=st.fixed_dictionaries(dict.fromkeys("abc", CENTS)), asked=WISHES)
def test_a_batch_of_wishes_equals_some_serial_order(caps: dict[str, int], asked: list[tuple[str, int]]) -> None:
    budgets = {name: Budget(cap_cents=cap) for name, cap in caps.items()}
    together, granted = grant(budgets, wishes_of(asked))
    one_by_one, won = dict(budgets), set[str]()
    for wish in sorted(wishes_of(asked), key=lambda wish: (wish.value_cents, wish.key)):
        one_by_one_after, got = grant(one_by_one, [wish])
        one_by_one, won = dict(one_by_one_after), won | got
    assert (together, granted) == (one_by_one, won)


@given(caps=st.fixed_dictionaries(dict.fromkeys("abc", CENTS)), asked=WISHES)
def test_a_running_sum_over_the_cheapest_first_decides_what_serving_one_by_one_does(
    caps: dict[str, int], asked: list[tuple[str, int]]
) -> None:
    _, granted = grant({name: Budget(cap_cents=cap) for name, cap in caps.items()}, wishes_of(asked))
    by_sum: set[str] = set()
    for name, cap in caps.items():
        running = 0
        mine = [wish for wish in wishes_of(asked) if wish.campaign_id == name]
        for wish in sorted(mine, key=lambda wish: (wish.value_cents, wish.key)):
            running += wish.value_cents
            if running <= cap:
                by_sum.add(wish.key)
    assert granted == by_sum


@given(caps=st.fixed_dictionaries({"a": CENTS}), asked=WISHES)
def test_no_batch_takes_more_than_the_cap_and_nothing_is_refused_that_fits(
    caps: dict[str, int], asked: list[tuple[str, int]]
) -> None:
    after, granted = grant({"a": Budget(cap_cents=caps["a"])}, wishes_of(asked))
    assert after["a"].exposure_cents <= caps["a"]
    refused = [wish for wish in wishes_of(asked) if wish.campaign_id == "a" and wish.key not in granted]
    assert all(wish.value_cents > after["a"].remaining_cents for wish in refused)


@given(value=st.integers(1, 500), given_cents=st.integers(0, 500), others=CENTS)
def test_a_voucher_reopens_with_at_least_what_it_gave_and_never_above_the_cap(
    value: int, given_cents: int, others: int
) -> None:
    given_cents = min(given_cents, value)
    budget = Budget(cap_cents=value + others).after(issued(value))
    spent = budget.after(redeemed(reserved_cents=value, given_cents=given_cents))
    squeezed = spent.reserve(min(others + value - given_cents, spent.remaining_cents)) or spent
    again_cents = squeezed.good_again_cents(given_cents=given_cents, value_cents=value)
    reopened = squeezed.after(rolled_back(given_cents=given_cents, again_cents=again_cents))
    assert given_cents <= again_cents <= value
    assert reopened.spent_cents == 0
    assert reopened.exposure_cents <= reopened.cap_cents


@given(value=st.integers(1, 500))
def test_what_expires_is_free_again(value: int) -> None:
    budget = Budget(cap_cents=value)
    reserved = budget.reserve(value)
    assert reserved is not None
    assert reserved.reserve(1) is None
    assert reserved.after(expired(value)) == budget
