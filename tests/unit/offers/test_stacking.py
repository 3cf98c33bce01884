"""Laws of vouchers on one receipt: the solver against trying everything, floors, greatest totals, reasons."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import product
from random import Random
from threading import Event
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.offers.domain.campaigns.stacking_rules import Floor, Stacking, StackingRules
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.redemption.discounting import Earlier, Left, NotStacked, Receipt, Refusal, Shown
from services.offers.domain.redemption.stacking import Stack, stack, stack_all
from services.offers.domain.vouchers.voucher import Basket, Given, GivenLine, Voucher, redeem
from services.offers.handlers.redemption.sets import put_together
from services.offers.handlers.redemption.stacking import ReceiptAtTill
from tests.support.offers_facts import NOW
from tests.support.vouchers_shown import ITEMS, a_basket, a_voucher, an_amount, percent, shown_of

GROUPS = ("any", "bread", "staff")
STACKINGS = st.builds(
    Stacking, group=st.sampled_from(GROUPS), exclusive=st.sampled_from([False] * 6 + [True]), order=st.integers(0, 2)
)
TERMS = st.one_of(
    st.builds(percent, st.integers(1, 100), st.integers(1, 400)), st.builds(an_amount, st.integers(1, 400))
)
FLOORS = st.one_of(
    st.just(Floor()),
    st.builds(lambda share: Floor(ratio=share), st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal("0.9")])),
    st.builds(lambda cents: Floor(cents={"USD": cents}), st.integers(0, 200)),
)
RULES = st.builds(
    StackingRules,
    best_for=st.sampled_from(["customer", "margin"]),
    groups=st.dictionaries(
        st.sampled_from(GROUPS),
        st.fixed_dictionaries(
            {"at_most": st.sampled_from([None, 1, 2]), "order": st.integers(0, 2)},
            optional={"excludes": st.lists(st.sampled_from(GROUPS), max_size=1).map(tuple)},
        ),
    ),
    at_most=st.sampled_from([None, None, 2, 3]),
    floor=FLOORS,
    floors_by_item=st.dictionaries(st.just("milk-2"), FLOORS),
    greatest_total_cents=st.dictionaries(st.just("USD"), st.integers(0, 500)),
    greatest_total_ratio=st.sampled_from([Decimal(1), Decimal("0.3"), Decimal("0.05")]),
)
BASKETS = st.lists(
    st.tuples(st.sampled_from(["milk-1", "milk-2", "bread-1"]), st.integers(0, 400)), min_size=1, max_size=4
).map(a_basket)


@st.composite
def many_shown(draw: st.DrawFn, most: int = 5) -> list[Shown]:
    return [
        Shown(
            voucher=a_voucher(f"v{number}", draw(TERMS), category=draw(st.sampled_from(["milk", "bread"]))),
            stacking=draw(STACKINGS),
            by_retailer=draw(st.booleans()),
            minimum_basket_cents=draw(st.sampled_from([0, 0, 0, 300])),
        )
        for number in range(draw(st.integers(1, most)))
    ]


@st.composite
def earlier_ones(draw: st.DrawFn) -> list[Earlier]:
    if draw(st.integers(0, 3)):
        return []
    lines = [GivenLine(line_no=1, item_id="milk-1", quantity=Decimal(1), discount_cents=draw(st.integers(1, 200)))]
    return [Earlier(voucher_id="before", stacking=draw(STACKINGS), lines=lines)]


@settings(max_examples=600, deadline=None, derandomize=True)
@given(shown=many_shown(), basket=BASKETS, rules=RULES, earlier=earlier_ones())
def test_no_set_that_the_rules_allow_is_better(
    shown: list[Shown], basket: Basket, rules: StackingRules, earlier: list[Earlier]
) -> None:
    found = stack(shown, Receipt(basket, ITEMS, rules, earlier, NOW), rules, earlier)
    assert ids(found) == tried_all(shown, basket, rules, earlier)
    told = [*ids(found), *reasons(found)]
    assert sorted(told) == sorted(each.voucher.voucher_id for each in shown), "each is told of once"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(shown=many_shown(), basket=BASKETS, rules=RULES, earlier=earlier_ones(), seed=st.integers(0, 99))
def test_the_order_of_presenting_changes_nothing(
    shown: list[Shown], basket: Basket, rules: StackingRules, earlier: list[Earlier], seed: int
) -> None:
    otherwise = Random(seed).sample(shown, len(shown))
    one, other = (
        stack(each, Receipt(basket, ITEMS, rules, earlier, NOW), rules, earlier) for each in (shown, otherwise)
    )
    assert one == other


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    shown=many_shown(), basket=BASKETS, rules=RULES, earlier=earlier_ones(), solve=st.sampled_from([stack, stack_all])
)
def test_no_line_falls_below_its_floor_and_no_receipt_gets_more_than_its_greatest_total(
    shown: list[Shown], basket: Basket, rules: StackingRules, earlier: list[Earlier], solve: Any
) -> None:
    found = solve(shown, Receipt(basket, ITEMS, rules, earlier, NOW), rules, earlier)
    before = {line.line_no: line.discount_cents for each in earlier for line in each.lines}
    off = dict.fromkeys((line.line_no for line in basket.lines), 0)
    for chosen in found.chosen:
        assert chosen.given.given_cents == sum(line.discount_cents for line in chosen.given.lines) > 0
        for line in chosen.given.lines:
            off[line.line_no] += line.discount_cents
    for line in basket.lines:
        category = ITEMS[line.item_id].category
        floor_cents = rules.floor_cents(line.item_id, category, line.amount_cents, line.quantity, "USD")
        here = before.get(line.line_no, 0) if line.item_id == "milk-1" else 0
        assert not off[line.line_no] or line.amount_cents - here - off[line.line_no] >= floor_cents
    goods_cents = sum(line.amount_cents for line in basket.lines)
    total_cents = sum(off.values()) + sum(before.values())
    assert not found.chosen or total_cents <= rules.greatest_total(goods_cents, "USD")


@given(terms=TERMS, basket=BASKETS, data=st.data())
def test_a_voucher_gives_no_more_where_the_lines_cost_less(terms: Terms, basket: Basket, data: st.DataObject) -> None:
    lines = [replace(x, amount_cents=data.draw(st.integers(0, x.amount_cents))) for x in basket.lines]
    whole, less = (redeem(a_voucher("v", terms), each, ITEMS, NOW) for each in (basket, replace(basket, lines=lines)))
    gives = [each.given_cents if isinstance(each, Given) else 0 for each in (whole, less)]
    assert gives[1] <= gives[0]


class CountingReceipt(Receipt):
    """Notes how often it is asked what a voucher gives."""

    takes = 0

    def take(self, shown: Shown, left: Left) -> tuple[Given, Left] | Refusal:
        self.takes += 1
        return super().take(shown, left)


def test_where_few_of_twelve_give_all_that_may_be_given_not_every_set_is_tried() -> None:
    twelve = [shown_of(f"v{number:02}", percent(10 + number, 5_000)) for number in range(12)]
    rules = StackingRules(greatest_total_ratio=Decimal("0.3"))
    receipt = CountingReceipt(a_basket([("milk-1", 5_000)]), ITEMS, rules, [], NOW)
    assert ids(stack(twelve, receipt, rules, [])) == ["v02", "v11"], "the first two that reach it"
    assert receipt.takes < 200


def test_without_rules_all_go_together_and_each_comes_off_what_the_others_left() -> None:
    ten, two = shown_of("a", percent(10, 400)), shown_of("b", an_amount(200))
    found = solved([two, ten], [("milk-1", 1_000)])
    assert [(each.shown.voucher.voucher_id, each.given.given_cents) for each in found.chosen] == [
        ("a", 100),
        ("b", 200),
    ]
    for_margin = solved([two, ten], [("milk-1", 1_000)], best_for="margin")
    assert [each.given.given_cents for each in for_margin.chosen] == [200, 80], "sums before percents"


def test_the_maker_pays_where_the_retailer_may_choose() -> None:
    mine = shown_of("a", an_amount(100), group="milk")
    theirs = shown_of("b", an_amount(90), group="milk", by_retailer=False)
    one_only: dict[str, Any] = {"groups": {"milk": {"at_most": 1}}}
    assert ids(solved([mine, theirs], [("milk-1", 1_000)], **one_only)) == ["a"]
    for_margin = solved([mine, theirs], [("milk-1", 1_000)], best_for="margin", **one_only)
    assert ids(for_margin) == ["b"]
    assert reasons(for_margin) == {"a": (NotStacked.GROUP_FULL, ("b",))}


def test_for_the_margin_nothing_is_dropped_that_could_be_added() -> None:
    shown = [shown_of(name, an_amount(100)) for name in "abc"]
    assert ids(solved(shown, [("milk-1", 1_000)], best_for="margin")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("shown", "rules", "reason", "by"),
    [
        ([shown_of("a", an_amount(300), exclusive=True), shown_of("b", an_amount(1))], {}, "excluded-by", ("a",)),
        (
            [shown_of("a", an_amount(300), group="x"), shown_of("b", an_amount(1), group="y")],
            {"groups": {"y": {"excludes": ["x"]}}},
            "excluded-by",
            ("a",),
        ),
        (
            [shown_of("a", an_amount(300), group="x"), shown_of("b", an_amount(1), group="x")],
            {"groups": {"x": {"at_most": 1}}},
            "group-full",
            ("a",),
        ),
        ([shown_of("a", an_amount(300)), shown_of("b", an_amount(1))], {"at_most": 1}, "receipt-full", ("a",)),
        (
            [shown_of("a", an_amount(300)), shown_of("b", an_amount(1))],
            {"floor": {"ratio": "0.7"}},
            "floor-price",
            ("a",),
        ),
        (
            [shown_of("a", an_amount(300)), shown_of("b", an_amount(1))],
            {"greatest_total_cents": {"USD": 300}},
            "greatest-total",
            ("a",),
        ),
        (
            [shown_of("a", an_amount(1_000)), shown_of("b", percent(5, 1))],
            {"groups": {"any": {}}},
            "worth-less",
            ("a",),
        ),
        ([shown_of("b", an_amount(1), minimum_basket_cents=1_001)], {}, "below-threshold", ()),
        ([shown_of("b", an_amount(1), category="ghost")], {}, "no-eligible-line", ()),
    ],
)
def test_what_is_dropped_is_explained(
    shown: list[Shown], rules: dict[str, Any], reason: str, by: tuple[str, ...]
) -> None:
    assert reasons(solved(shown, [("milk-1", 1_000)], **rules))["b"] == (reason, by)


def test_of_all_or_none_the_ones_in_the_way_say_why() -> None:
    rules = StackingRules(groups={"x": {"at_most": 1}})
    shown = [
        shown_of("a", an_amount(3), group="x"),
        shown_of("b", an_amount(2), group="x"),
        shown_of("c", an_amount(1)),
    ]
    receipt = Receipt(a_basket([("milk-1", 1_000)]), ITEMS, rules, (), NOW)
    none = stack_all(shown, receipt, rules, ())
    assert none.chosen == ()
    assert reasons(none) == {"b": ("group-full", ("a",)), "a": ("not-all", ()), "c": ("not-all", ())}
    assert ids(stack_all([shown[0], shown[2]], receipt, rules, ())) == ["a", "c"]


def test_a_sum_that_one_line_has_no_room_for_comes_off_the_others() -> None:
    floors: dict[str, Any] = {"milk-1": {"ratio": "0.95"}}
    lines = [("milk-1", 100), ("milk-2", 1_000)]
    (chosen,) = solved([shown_of("a", an_amount(100))], lines, floors_by_item=floors).chosen
    assert [line.discount_cents for line in chosen.given.lines] == [5, 95]


def test_what_came_off_before_counts_though_its_line_has_another_number_now() -> None:
    lines = [GivenLine(line_no=7, item_id="milk-1", quantity=Decimal(1), discount_cents=80)]
    earlier = [Earlier(voucher_id="before", stacking=Stacking(), lines=lines)]
    rules = StackingRules()
    receipt = Receipt(a_basket([("milk-1", 100), ("bread-1", 900)]), ITEMS, rules, earlier, NOW)
    assert stack([shown_of("a", an_amount(50))], receipt, rules, earlier).given_cents == 20


@pytest.mark.parametrize(
    ("best_for", "without", "expected"),
    [
        ("customer", "", {"b": 200, "c": 200}),
        ("margin", "", {"b": 200, "c": 200}),
        ("margin", "b", {"a": 80, "c": 200}),
    ],
)
def test_the_worked_example_of_the_documentation(best_for: str, without: str, expected: dict[str, int]) -> None:
    shown = [
        shown_of("a", percent(10, 1_000), group="coffee"),
        shown_of("b", an_amount(200), group="coffee", by_retailer=False),
        shown_of("c", an_amount(300), category="bread", group="bread"),
        shown_of("d", percent(20, 1_000), group="staff"),
    ]
    rules: dict[str, Any] = {
        "groups": {"coffee": {"at_most": 1}, "staff": {"excludes": ["coffee"], "order": 1}},
        "floor": {"ratio": "0.5"},
        "greatest_total_cents": {"USD": 600},
    }
    shown = [each for each in shown if each.voucher.voucher_id != without]
    found = solved(shown, [("milk-1", 800), ("bread-1", 400)], best_for=best_for, **rules)
    assert {each.shown.voucher.voucher_id: each.given.given_cents for each in found.chosen} == expected
    if not without:
        assert reasons(found) == {"a": ("group-full", ("b",)), "d": ("excluded-by", ("b",))}


def solved(shown: Sequence[Shown], lines: Sequence[tuple[str, int]], **rules: Any) -> Stack:
    said = StackingRules.model_validate(rules)
    return stack(shown, Receipt(a_basket(lines), ITEMS, said, (), NOW), said, ())


def ids(found: Stack) -> list[str]:
    return [each.shown.voucher.voucher_id for each in found.chosen]


def reasons(found: Stack) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {each.shown.voucher.voucher_id: (str(each.reason), each.by) for each in found.dropped}


def tried_all(shown: Sequence[Shown], basket: Basket, rules: StackingRules, earlier: Sequence[Earlier]) -> list[str]:
    """The best set, by trying every one; written without the solver's own steps."""
    for_margin = rules.best_for == "margin"

    def place(each: Shown) -> Any:
        order = rules.groups[each.stacking.group].order if each.stacking.group in rules.groups else 0
        return order, each.stacking.order, (each.voucher.terms.kind == "percent") == for_margin, each.voucher.voucher_id

    in_order = sorted(shown, key=place)
    receipt = Receipt(basket, ITEMS, rules, earlier, NOW)
    sets = {}
    for wanted in product((True, False), repeat=len(shown)):
        members = [each for each, there in zip(in_order, wanted, strict=True) if there]
        gives = [] if not _together([each.stacking for each in members], rules, earlier) else _run(members, receipt)
        if gives is not None and (gives or not members):
            sets[wanted] = (members, gives)

    def grows(wanted: tuple[bool, ...]) -> bool:
        more = [(*wanted[:n], True, *wanted[n + 1 :]) for n, there in enumerate(wanted) if not there]
        return any(each in sets for each in more)

    def key(wanted: tuple[bool, ...]) -> Any:
        members, gives = sets[wanted]
        cost = sum(cents for each, cents in zip(members, gives, strict=True) if each.by_retailer)
        worth = (cost, -sum(gives)) if for_margin else (-sum(gives), cost)
        return *worth, len(members), tuple(not there for there in wanted)

    best = min((wanted for wanted in sets if not (for_margin and grows(wanted))), key=key)
    return [each.voucher.voucher_id for each in sets[best][0]]


def _run(members: Sequence[Shown], receipt: Receipt) -> list[int] | None:
    left, gives = receipt.left, []
    for each in members:
        taken = receipt.take(each, left)
        if not isinstance(taken, tuple):
            return None
        gives.append(taken[0].given_cents)
        left = taken[1]
    return gives


def _together(members: list[Stacking], rules: StackingRules, earlier: Sequence[Earlier]) -> bool:
    """Earlier ones may break the rules among themselves: they were redeemed under others. Nothing joins what it may not."""
    if not members:
        return True
    there = [each.stacking for each in earlier]
    both = there + members
    fresh = [(a, b) for n, a in enumerate(both) for m, b in enumerate(both) if m > n and m >= len(there)]
    if any(a.exclusive or b.exclusive for a, b in fresh):
        return False
    for a, b in fresh:
        for one, other in ((a, b), (b, a)):
            if one.group in rules.groups and other.group in rules.groups[one.group].excludes:
                return False
    for group in {each.group for each in members}:
        at_most = rules.groups[group].at_most if group in rules.groups else None
        if at_most is not None and sum(each.group == group for each in both) > at_most:
            return False
    return rules.at_most is None or len(both) <= rules.at_most


class SlowSearch:
    """Stands for a receipt at the till whose best set takes a while to find."""

    def __init__(self) -> None:
        self.under_way, self.most = 0, 0

    def stack(self, _vouchers: Sequence[Voucher], *, all_of_them: bool) -> Stack:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        Event().wait(0.02)
        self.under_way -= 1
        return Stack((), ())


async def test_however_many_great_sets_are_asked_for_at_once_tills_wait_behind_one_search() -> None:
    search = SlowSearch()
    twelve = [a_voucher(f"v{number:02}", an_amount(100)) for number in range(12)]
    asked = (put_together(cast("ReceiptAtTill", search), twelve) for _ in range(6))
    await asyncio.gather(*asked)
    assert search.most == 1
