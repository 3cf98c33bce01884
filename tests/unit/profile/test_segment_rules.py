"""Laws of segment rules: they survive JSON, are asked of any customer without raising, and memberships follow from them."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.contracts.consent import Channel, Purpose
from services.profile.domain.facet import PeriodKey, PeriodTally
from services.profile.domain.figures import Figure, Figures, Tier, objects_to_profiling
from services.profile.domain.segment_rules import (
    GREATEST_CONDITIONS,
    GREATEST_DEPTH,
    AllRule,
    AnyRule,
    CategorySpendRule,
    Comparison,
    ConsentRule,
    FigureRule,
    NotRule,
    Rule,
    SegmentRule,
    TierRule,
    check_size,
    predicate_of,
    segments_named_in,
)
from services.profile.domain.segments import RulesInForce, SegmentDocument, circle_through, crossings, in_order
from tests.support.segments import RULE, a_document, a_rule, a_segment, visits_at_least

names = st.sampled_from(["new", "old", "lost", "best"])
categories = st.sampled_from(["milk", "tea", ""])
numbers = st.one_of(st.integers(-(10**6), 10**6), st.floats(-(10**6), 10**6))
comparisons = st.sampled_from(Comparison)
currencies = st.sampled_from([None, "EUR", "USD"])
conditions = st.one_of(
    st.builds(FigureRule, kind=st.just("figure"), figure=st.sampled_from(Figure), comparison=comparisons, value=numbers),
    st.builds(
        FigureRule, kind=st.just("figure"), figure=st.just(Figure.WEEKLY_CENTS), comparison=comparisons, value=numbers,
        currency=currencies,
    ),
    st.builds(
        CategorySpendRule, kind=st.just("category_spend"), category=st.sampled_from(["milk", "tea"]),
        weeks=st.sampled_from([4, 8, 52]), comparison=comparisons, value_cents=st.integers(0, 500), currency=currencies,
    ),
    st.builds(SegmentRule, kind=st.just("segment"), segment_id=names),
    st.builds(
        ConsentRule, kind=st.just("consent"), purpose=st.sampled_from(Purpose), channel=st.sampled_from(Channel),
        granted=st.booleans(),
    ),
    st.builds(
        TierRule, kind=st.just("value_tier"),
        tiers=st.lists(st.sampled_from(get_args(Tier)), min_size=1, max_size=4).map(tuple),
    ),
)  # fmt: skip
rules: st.SearchStrategy[Rule] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(AllRule, kind=st.just("all"), of=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyRule, kind=st.just("any"), of=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(NotRule, kind=st.just("not"), of=inner),
    ),
    max_leaves=8,
)
figures = st.builds(
    Figures,
    numbers=st.dictionaries(st.sampled_from(Figure), numbers),
    currency=currencies,
    tier=st.sampled_from([None, *get_args(Tier)]),
    consents=st.dictionaries(st.tuples(st.sampled_from(Purpose), st.sampled_from(Channel)), st.booleans()),
    periods_of=st.dictionaries(
        st.builds(PeriodKey, st.integers(0, 30), categories),
        st.builds(PeriodTally, st.integers(1, 9), st.integers(0, 400)),
    ).map(lambda periods: lambda: periods),
    period_now=st.integers(0, 30),
)
rule_sets = st.dictionaries(names, rules, max_size=4)


def in_force(rule_set: dict[str, Rule]) -> RulesInForce:
    return RulesInForce(1, [a_segment(name, RULE.dump_python(rule)) for name, rule in rule_set.items()])


@given(rules)
def test_a_rule_survives_json(rule: Rule) -> None:
    written = RULE.dump_json(rule)
    assert RULE.validate_json(written) == rule
    assert RULE.validate_python(json.loads(written)) == rule


@given(rule_sets, figures)
def test_every_rule_is_asked_of_any_customer_without_raising(rule_set: dict[str, Rule], known: Figures) -> None:
    found = in_force(rule_set).segments_of(known)
    assert list(found) == sorted(set(found) & set(rule_set))


@given(rule_sets, figures)
def test_membership_is_what_each_rule_says_given_the_others_and_none_for_who_objects_to_profiling(
    rule_set: dict[str, Rule], known: Figures
) -> None:
    if any(circle_through(name, rule_set) for name in rule_set):
        return
    members = frozenset(in_force(rule_set).segments_of(known))
    said = {name for name, rule in rule_set.items() if predicate_of(rule)(known, members)}
    assert members == (set() if objects_to_profiling(known.consents) else said)


@given(rules, figures, st.frozensets(names))
def test_not_is_the_opposite_and_all_and_any_are_duals(rule: Rule, known: Figures, members: frozenset[str]) -> None:
    written = RULE.dump_python(rule)
    opposite = {"kind": "not", "of": written}
    holds = predicate_of(rule)(known, members)
    assert predicate_of(a_rule(**opposite))(known, members) is not holds
    both = a_rule(kind="all", of=[written, opposite])
    either = a_rule(kind="any", of=[written, opposite])
    assert (predicate_of(both)(known, members), predicate_of(either)(known, members)) == (False, True)


@given(st.lists(st.frozensets(names), max_size=12))
def test_entered_and_left_alternate_and_add_up_to_the_membership(history: list[frozenset[str]]) -> None:
    now: set[str] = set()
    before: frozenset[str] = frozenset()
    for after in history:
        for crossing in crossings(before, after):
            assert crossing.entered is (crossing.segment_id not in now), "entered twice, or left without having entered"
            now ^= {crossing.segment_id}
        before = after
        assert now == after


@given(rule_sets)
def test_a_segment_comes_after_those_that_it_asks_for(rule_set: dict[str, Rule]) -> None:
    order = in_order(rule_set)
    assert sorted(order) == sorted(rule_set)
    if not any(circle_through(name, rule_set) for name in rule_set):
        for place, name in enumerate(order):
            assert segments_named_in(rule_set[name]) & set(rule_set) <= set(order[:place])


def test_what_nobody_knows_meets_no_comparison() -> None:
    nothing = Figures(numbers={})
    for comparison in Comparison:
        rule = a_rule(kind="figure", figure="since_trip_days", comparison=comparison, value=0)
        assert not predicate_of(rule)(nothing, frozenset())


def test_an_amount_in_another_currency_is_no_amount() -> None:
    known = Figures(numbers={Figure.WEEKLY_CENTS: 900}, currency="EUR")
    rule = {"kind": "figure", "figure": "weekly_cents", "comparison": "at_least", "value": 500}
    assert predicate_of(a_rule(**rule))(known, frozenset())
    assert predicate_of(a_rule(**rule, currency="EUR"))(known, frozenset())
    assert not predicate_of(a_rule(**rule, currency="USD"))(known, frozenset())


def test_spend_counts_whole_periods_of_four_weeks_up_to_the_present_one() -> None:
    tallies = {PeriodKey(number, "milk"): PeriodTally(1, 10**number) for number in range(5)}
    known = Figures(numbers={}, periods_of=lambda: tallies, period_now=3)
    assert (known.spent_in("milk", 1), known.spent_in("milk", 2), known.spent_in("tea", 9)) == (1_000, 1_100, 0)


def test_a_word_on_the_channel_counts_before_one_on_any() -> None:
    known = Figures(numbers={}, consents={("profiling", "any"): True, ("profiling", "web"): False})
    granted = {channel: known.grants("profiling", channel) for channel in ("web", "till")}
    assert granted == {"web": False, "till": True}
    assert not known.grants("personal_offers", "till")


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "figure", "figure": "height", "comparison": "at_least", "value": 1},
        {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": float("nan")},
        {"kind": "figure", "figure": "visits_count", "comparison": "at_least", "value": 1, "currency": "EUR"},
        {"kind": "category_spend", "category": "milk", "weeks": 5, "comparison": "at_least", "value_cents": 1},
        {"kind": "segment", "segment_id": "../etc"},
        {"kind": "python", "code": "1"},
        {"kind": "all", "of": []},
    ],
)
def test_what_the_language_does_not_know_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RULE.validate_python(rule)


def test_a_rule_is_bounded_in_depth_and_width() -> None:
    deep = visits_at_least(1)
    for _ in range(GREATEST_DEPTH - 1):
        deep = {"kind": "not", "of": deep}
    assert check_size(RULE.validate_python(deep))
    wide = {"kind": "any", "of": [visits_at_least(1)] * 60}
    for rule in ({"kind": "not", "of": deep}, {"kind": "all", "of": [wide, wide]}):
        with pytest.raises(ValidationError):
            SegmentDocument.model_validate(a_document(rule))
    assert GREATEST_CONDITIONS < 120


def test_a_rule_nested_without_end_is_refused_not_crashed_on() -> None:
    rule = visits_at_least(1)
    for _ in range(900):
        rule = {"kind": "not", "of": rule}
    with pytest.raises(ValidationError):
        SegmentDocument.model_validate(a_document(rule))


def test_a_circle_of_segments_is_seen() -> None:
    asks = {
        name: a_rule(kind="segment", segment_id=other) for name, other in (("a1", "b1"), ("b1", "c1"), ("c1", "a1"))
    }
    assert all(circle_through(name, asks) for name in asks)
    asks["c1"] = a_rule(**visits_at_least(3))
    assert not any(circle_through(name, asks) for name in asks)


@pytest.mark.parametrize(
    "goal",
    [{"figure": "weekly_cents", "target": 1}, {"figure": "members_count", "target": 1, "currency": "EUR"}],
)
def test_a_goal_in_money_says_its_currency_and_no_other_does(goal: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SegmentDocument.model_validate(a_document(visits_at_least(1), goals=[goal]))


def test_the_page_for_owners_explains_every_figure_and_every_kind_of_rule() -> None:
    page = (Path(__file__).parents[3] / "docs/segments.md").read_text()
    kinds = {"all", "any", "not", "figure", "category_spend", "segment", "consent", "value_tier"}
    assert [name for name in (*Figure, *kinds, *Comparison, *get_args(Tier)) if f"`{name}`" not in page] == []
    example = json.loads(page.split("-d '")[1].split("'")[0])
    assert check_size(RULE.validate_python(example["rule"]))
