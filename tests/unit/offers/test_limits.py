"""Laws of limits: what they count, for whom, on which day; and what a campaign may state."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Store
from services.offers.domain.decisions.eligibility import Circumstances, Refusal, eligible
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Prior
from services.offers.domain.money.budget import Budget, Wish, grant, grant_within
from services.offers.domain.money.limits import Claim, Counter, Limit, Per, Period, Standing, Use, Uses, claims_of, room
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.decisions.limiting import question_of, standing_of
from tests.support.limits import a_view, limit
from tests.support.offers_facts import NOW, a_campaign
from tests.support.plain_decisions import running

DAY = date(2026, 3, 10)
EVERYBODY = {
    Per.CUSTOMER: "c1",
    Per.HOUSEHOLD: "h1",
    Per.STORE: "s1",
    Per.REGION: "r1",
    Per.PARTNER: "p1",
    Per.CAMPAIGN: "",
}
COUNTERS = st.builds(
    Counter, st.sampled_from(list(Per)), st.sampled_from("xy"), st.sampled_from(list(Period)), st.just(DAY)
)
CLAIMS = st.lists(
    st.builds(Claim, COUNTERS, st.none() | st.integers(1, 4), st.none() | st.integers(1, 500)),
    max_size=3,
    unique_by=lambda claim: claim.counter,
)
WISHES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 200), CLAIMS), max_size=25)


def wishes_of(asked: Sequence[tuple[str, int, Sequence[Claim]]]) -> list[Wish]:
    return [Wish(f"{place:03}", *each) for place, each in enumerate(asked)]


@given(asked=WISHES, cap=st.integers(0, 1_500))
def test_a_batch_with_limits_equals_some_serial_order_and_exceeds_none(
    asked: list[tuple[str, int, list[Claim]]], cap: int
) -> None:
    budgets = dict.fromkeys("ab", Budget(cap_cents=cap))
    wishes = wishes_of(asked)
    together, uses, granted = grant_within(budgets, {}, wishes)
    one_by_one, won = dict(budgets), set[str]()
    used: Uses = {}
    for wish in sorted(wishes, key=lambda wish: (wish.value_cents, wish.key)):
        after, used, got = grant_within(one_by_one, used, [wish])
        one_by_one, won = dict(after), won | got
        if got:
            assert all(claim.allows(used[wish.campaign_id, claim.counter]) for claim in wish.claims)
    assert (together, uses, granted) == (one_by_one, used, won)
    for (campaign_id, counter), use in uses.items():
        on = [
            w
            for w in wishes
            if w.key in granted and w.campaign_id == campaign_id and counter in {c.counter for c in w.claims}
        ]
        assert use == Use(len(on), sum(wish.value_cents for wish in on))


@given(asked=WISHES)
def test_who_has_no_limits_is_served_as_if_there_were_none(asked: list[tuple[str, int, list[Claim]]]) -> None:
    wishes = [Wish(wish.key, wish.campaign_id, wish.value_cents) for wish in wishes_of(asked)]
    budgets = dict.fromkeys("ab", Budget(cap_cents=700))
    assert grant(budgets, wishes) == grant_within(budgets, {}, wishes)[::2]


def test_a_wish_that_one_limit_refuses_takes_nothing_of_the_others() -> None:
    of_customer = Claim(Counter(Per.CUSTOMER, "c1", Period.LIFE, DAY), most_count=1)
    of_store = Claim(Counter(Per.STORE, "s1", Period.DAY, DAY), most_count=2)
    other = Claim(Counter(Per.CUSTOMER, "c2", Period.LIFE, DAY), most_count=1)
    wishes = [Wish("1", "a", 10, [of_store, of_customer]), Wish("2", "a", 10, [of_store, of_customer])]
    _, _, granted = grant_within({"a": Budget(cap_cents=100)}, {}, [*wishes, Wish("3", "a", 10, [of_store, other])])
    assert granted == {"1", "3"}


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 28)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 30)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 10, 26)),
        (datetime(2026, 9, 6, 3, 59, tzinfo=UTC), "America/Santiago", date(2026, 9, 5)),
        (datetime(2026, 9, 6, 4, 0, tzinfo=UTC), "America/Santiago", date(2026, 9, 6)),
        (datetime(2026, 3, 10, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", date(2026, 3, 11)),
    ],
)
def test_a_day_is_one_of_the_stores_own_calendar_over_clock_changes_too(at: datetime, zone: str, day: date) -> None:
    store = Store(store_id="s1", name="", time_zone=zone, currency="USD", country="US")
    campaign = a_campaign(limits=[limit("store", "day", 1)])
    knowledge = Knowledge(stores={"s1": store})
    assert question_of(knowledge, "k1", None, "s1", at).limits_of is None
    knowledge.limit_pairs = frozenset({(Per.STORE, Period.DAY)})
    asked = question_of(knowledge, "k1", None, "s1", at).limits_of
    standing = standing_of(store, at, None, a_view())
    assert asked is not None
    assert asked.day == standing.day == day
    (claim,) = claims_of(campaign.limits, standing) or ()
    assert claim.counter.starts_on == day


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_week_begins_on_monday_and_a_campaigns_life_never_does(day: date) -> None:
    monday = Period.WEEK.starts_on(day)
    assert monday.weekday() == 0
    assert timedelta(0) <= day - monday < timedelta(days=7)
    assert Period.LIFE.starts_on(day) == Period.LIFE.starts_on(date(2000, 1, 1))


@pytest.mark.parametrize("per", ["customer", "household", "region", "partner"])
def test_who_is_unknown_gets_nothing_that_is_limited_unless_the_limit_lets_it_pass(per: str) -> None:
    standing = Standing(entities={**EVERYBODY, Per(per): None}, day=DAY)
    assert claims_of([Limit(**limit(per, "day", 1))], standing) is None
    assert claims_of([Limit(**limit(per, "day", 1), where_unknown="pass")], standing) == ()


def test_a_count_and_an_amount_of_the_same_thing_stand_on_one_counter() -> None:
    limits = [Limit(**limit("store", "day", 3)), Limit(**limit("store", "day", 900, "cents"))]
    (claim,) = claims_of(limits, Standing(entities=EVERYBODY, day=DAY)) or ()
    assert (claim.most_count, claim.most_cents) == (3, 900)


def refusals_of(campaign: Campaign, standing: Standing) -> dict[Refusal, int]:
    at = Circumstances(
        customer_id="c1", holdout_key="c1", store_id="s1", currency="USD", tier=0, now=NOW, standing=standing
    )
    need = CategoryNeed(category="milk", chance_ratio=0.5, known=True, item_ids=("milk-1",), price_cents=250)
    return dict(eligible(running({campaign.campaign_id: campaign}, at), [need], at, Prior()).refusals)


@pytest.mark.parametrize(
    ("stated", "use", "refused"),
    [
        (limit("customer", "life", 2), Use(1, 10), {}),
        (limit("customer", "life", 2), Use(2, 20), {Refusal.LIMIT_REACHED: 1}),
        (limit("customer", "life", 300, "cents"), Use(2, 200), {}),
        (limit("customer", "life", 300, "cents"), Use(2, 201), {Refusal.LIMIT_REACHED: 1}),
    ],
)
def test_a_decision_leaves_out_what_a_limit_would_refuse(
    stated: dict[str, Any], use: Use, refused: dict[Refusal, int]
) -> None:
    campaign = a_campaign(limits=[stated])
    counter = Counter(Per.CUSTOMER, "c1", Period.LIFE, Period.LIFE.starts_on(DAY))
    standing = Standing(entities=EVERYBODY, day=DAY, uses={("usual", counter): use})
    assert refusals_of(campaign, standing) == refused
    assert refusals_of(campaign, Standing(entities={Per.CAMPAIGN: ""}, day=DAY)) == {Refusal.LIMIT_UNKNOWN: 1}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"limits": [limit("store", "day", 1), limit("store", "day", 2)]}, "two limits of count per store and day"),
        ({"limits": [limit("store", "day", 99, "cents")]}, "less than one voucher may cost"),
        ({"limits": [limit("store", "day", 0)]}, "greater than or equal to 1"),
        ({"limits": [limit("planet", "day", 1)]}, "per"),
        ({"limits": [limit("store", "day", 9)] * 9}, "at most 8"),
        (
            {"limits": [limit("store", "day", 2)], "stores": {"s1": {"limits": [limit("store", "day", 3)]}}},
            "store s1: count per store and day may only be tightened",
        ),
        (
            {
                "limits": [limit("customer", "day", 2)],
                "stores": {"s1": {"limits": [{**limit("customer", "day", 1), "where_unknown": "pass"}]}},
            },
            "may only be tightened",
        ),
        ({"over_issue_ratio": 1.5, "backing_cents": 10**9}, "greatest_over_issue_ratio"),
    ],
)
def test_limits_that_contradict_themselves_are_refused_with_the_reason(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        a_campaign(**changes)


def test_a_stores_limits_are_tighter_and_the_others_stay() -> None:
    campaign = a_campaign(
        limits=[limit("store", "day", 5), limit("customer", "life", 2)],
        stores={"s1": {"limits": [limit("store", "day", 3), limit("region", "week", 7)]}},
    )
    assert {each.subject: each.most for each in campaign.limits_in("s1")} == {
        "count per store and day": 3,
        "count per customer and life": 2,
        "count per region and week": 7,
    }
    assert campaign.limits_in("s2") == campaign.limits


def test_over_issuing_needs_a_rail_and_backing_for_the_worst_case() -> None:
    rails = {"greatest_value_cents": 500, "greatest_over_issue_ratio": 2.0}
    terms: dict[str, Any] = {"cap_cents": 1_001, "over_issue_ratio": 1.1, "guard_rails": rails}
    with pytest.raises(ValidationError, match="needs backing_cents of at least 100"):
        a_campaign(**terms, backing_cents=99)
    assert a_campaign(**terms, backing_cents=100).over_issue_cents == 100


@given(
    count=st.integers(0, 5),
    cents=st.integers(0, 60),
    most=st.tuples(st.none() | st.integers(1, 5), st.none() | st.integers(1, 60)),
    value=st.integers(1, 60),
)
def test_room_is_how_many_are_granted_one_after_the_other(
    count: int, cents: int, most: tuple[int | None, int | None], value: int
) -> None:
    counter = Counter(Per.STORE, "s1", Period.DAY, DAY)
    claims, uses = [Claim(counter, *most)], {("a", counter): Use(count, cents)}
    wishes = [Wish(str(place), "a", value, claims) for place in range(70)]
    _, _, granted = grant_within({"a": Budget(cap_cents=10**9)}, uses, wishes)
    assert room("a", claims, uses, value) == (None if most == (None, None) else len(granted))
