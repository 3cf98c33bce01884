"""Laws of decisions: who gets what, and why not."""

import math
from dataclasses import replace
from datetime import timedelta
from random import Random

import msgspec
import pytest

from libs.ranking.ranker import PriorRanker
from libs.ranking.sketch import Sketch, hash_of
from libs.ranking.state import Moment, PastVisit, state_of
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.decisions.decision import Decision, decide
from services.offers.domain.decisions.eligibility import Circumstances, PastVoucher, Refusal, holdout_ratio_of
from services.offers.domain.decisions.needs import CategoryNeed, Likely, NeedModel, by_category, posed
from services.offers.domain.decisions.policy import Prior
from services.offers.domain.decisions.roster import Roster
from tests.support.offers_facts import ITEMS, NOW, a_campaign, a_population

HERE = Circumstances(
    customer_id="customer", holdout_key="customer", store_id="store-1", currency="USD", tier=0, now=NOW
)
CATALOGUE = {
    item_id: Item(
        item_id=item_id,
        name=item_id,
        category=category,
        item_type=category,
        price_cents=250,
        voucherable=True,
        stock_keeping=True,
        barred=None,
    )
    for item_id, category in ITEMS.items()
}


def needs(**known: bool) -> list[CategoryNeed]:
    return [
        CategoryNeed(category=category, chance_ratio=0.3, known=is_known, item_ids=(f"{category}-1",), price_cents=250)
        for category, is_known in (known or {"milk": True, "bread": True, "pasta": False}).items()
    ]


def decided(
    *campaigns: Campaign, wanted: list[CategoryNeed] | None = None, at: Circumstances = HERE, slots: int = 1
) -> Decision:
    return decide(
        Roster.of(
            {campaign.campaign_id: campaign for campaign in campaigns or (a_campaign(),)},
            at.store_id,
            at.currency,
            at.now,
        ),
        needs() if wanted is None else wanted,
        at,
        slots=slots,
        seed="checkout",
        prior=Prior(),
    )


def test_neither_the_order_of_campaigns_nor_of_needs_matters() -> None:
    campaigns, wanted = [a_campaign("a"), a_campaign("b", percent=20), a_campaign("c", aim="discover")], needs()
    expected = decided(*campaigns, wanted=wanted, slots=3)
    for seed in range(5):
        Random(seed).shuffle(campaigns)
        Random(seed + 9).shuffle(wanted)
        assert decided(*campaigns, wanted=wanted, slots=3) == expected


def test_the_alternatives_of_a_decision_sum_to_one_also_when_there_are_too_many_to_weigh() -> None:
    many = [msgspec.structs.replace(needs(milk=True)[0], category=f"category-{number:03}") for number in range(80)]
    decision = decided(wanted=many)
    assert len(decision.alternatives) < len(many)
    assert math.isclose(math.fsum(choice.propensity_ratio for choice in decision.alternatives), 1.0)
    assert decision.chosen[0].choice in decision.alternatives


@pytest.mark.parametrize(
    ("campaign", "at", "reason"),
    [
        (a_campaign(currency="EUR"), HERE, Refusal.NO_CAMPAIGN),
        (a_campaign(starts_at=NOW + timedelta(days=1)), HERE, Refusal.NO_CAMPAIGN),
        (a_campaign(stores={"store-1": {"active": False}}), HERE, Refusal.NO_CAMPAIGN),
        (a_campaign(holdout_ratio=1.0), HERE, Refusal.HOLDOUT),
        (a_campaign(), msgspec.structs.replace(HERE, open_complaint=True), Refusal.OPEN_COMPLAINT),
        (a_campaign(tiers=[0]), msgspec.structs.replace(HERE, tier=1), Refusal.TIER),
        (a_campaign(categories=["cheese"]), HERE, Refusal.NOT_TARGETED),
    ],
)
def test_a_decision_without_offer_says_why(campaign: Campaign, at: Circumstances, reason: Refusal) -> None:
    decision = decided(campaign, at=at)
    assert (decision.chosen, decision.reason) == ((), reason)


def test_an_aim_is_kept() -> None:
    usual = decided(a_campaign(aim="usual"), slots=3)
    discover = decided(a_campaign(aim="discover"), slots=3)
    assert {chosen.need.category for chosen in usual.chosen} == {"milk", "bread"}
    assert {chosen.need.category for chosen in discover.chosen} == {"pasta"}


def test_limits_per_customer_hold() -> None:
    rails = {"greatest_value_cents": 500, "open_per_customer": 1, "issued_per_customer": 2, "issued_within_days": 7}
    campaign = a_campaign(guard_rails=rails)
    used = PastVoucher(campaign_id="usual", category="milk", issued_at=NOW - timedelta(days=1), open=False)
    unused, old = (
        msgspec.structs.replace(used, open=True),
        msgspec.structs.replace(used, issued_at=NOW - timedelta(days=8)),
    )
    other = msgspec.structs.replace(unused, campaign_id="another")
    outcomes = {
        reason: decided(campaign, at=msgspec.structs.replace(HERE, past=past)).reason
        for reason, past in {
            "one open": (unused,),
            "two lately": (used, used),
            "one lately": (used,),
            "two, one of them long ago": (used, old),
            "another campaign": (other,),
        }.items()
    }
    assert outcomes == {
        "one open": Refusal.FREQUENCY,
        "two lately": Refusal.FREQUENCY,
        "one lately": "offered",
        "two, one of them long ago": "offered",
        "another campaign": "offered",
    }


def test_the_holdout_is_permanent_and_nested() -> None:
    keys = [f"customer-{number}" for number in range(500)]
    small = {
        key
        for key in keys
        if decided(a_campaign(holdout_ratio=0.1), at=msgspec.structs.replace(HERE, holdout_key=key)).group == "holdout"
    }
    large = {
        key
        for key in keys
        if decided(a_campaign(holdout_ratio=0.3), at=msgspec.structs.replace(HERE, holdout_key=key)).group == "holdout"
    }
    assert small < large
    assert small == {key for key in keys if holdout_ratio_of(key) < 0.1}


def wanted_items(*item_ids: str) -> Likely:
    return Likely([*item_ids], [0.5] * len(item_ids), lambda place: (f"reason of {item_ids[place]}",))


def test_what_is_barred_or_not_voucherable_or_unknown_is_never_named() -> None:
    items = dict(CATALOGUE)
    items["milk-1"] = replace(items["milk-1"], barred="infant_formula")
    items["bread-1"] = replace(items["bread-1"], voucherable=False)
    found = by_category(wanted_items("milk-1", "bread-1", "ghost", "pasta-1"), items, set(ITEMS), ())
    assert [(need.category, need.item_ids) for need in found] == [("pasta", ("pasta-1",))]


def test_what_is_not_there_is_not_offered_but_services_need_no_stock() -> None:
    items = dict(CATALOGUE)
    items["coffee-1"] = replace(items["coffee-1"], stock_keeping=False)
    found = by_category(wanted_items("milk-1", "milk-2", "bread-1", "coffee-1"), items, {"milk-2"}, ())
    assert {need.category: need.item_ids for need in found} == {
        "milk": ("milk-2",),
        "bread": (),
        "coffee": ("coffee-1",),
    }
    assert decided(wanted=[need for need in found if need.category == "bread"]).reason == Refusal.UNAVAILABLE


def test_at_most_five_items_are_named_the_likeliest_first() -> None:
    numbers = (3, 1, 5, 2, 4, 6)
    wanted = Likely([f"milk-{number}" for number in numbers], [number / 10 for number in numbers])
    items = {**CATALOGUE, "milk-6": replace(CATALOGUE["milk-1"], item_id="milk-6")}
    found = by_category(wanted, items, {*ITEMS, "milk-6"}, {hash_of("milk")})
    assert found[0].item_ids == ("milk-6", "milk-5", "milk-4", "milk-3", "milk-2")
    assert found[0].known


def test_what_was_just_bought_is_not_pushed_again() -> None:
    model = NeedModel(model_id="prior", ranker=PriorRanker(), population=a_population())
    labels = {item_id: (category, category) for item_id, category in ITEMS.items()}
    weekly = [
        PastVisit(
            int((NOW - timedelta(days=days)).timestamp()),
            0,
            "store-1",
            ("milk-1",) if days % 28 else ("coffee-1", "milk-1"),
        )
        for days in (56, 49, 42, 35, 28, 21, 14, 7)
    ]
    moment = Moment(int(NOW.timestamp()), "store-1", "till")
    after = model.personal(Sketch.of(state_of(weekly, labels)), moment, ["coffee-1", "milk-1"]).item_ids
    assert "coffee-1" not in after, "bought every fourth week, and just now"
    assert "milk-1" in after, "needed again by the next trip"


def test_before_any_model_was_published_a_customers_own_habits_are_asked() -> None:
    labels = {item_id: (category, category) for item_id, category in ITEMS.items()}
    visits = [PastVisit(int((NOW - timedelta(days=days)).timestamp()), 0, "store-1", ("milk-1",)) for days in (14, 7)]
    moment = Moment(int(NOW.timestamp()), "store-1", "till")
    model, sketch = NeedModel.unlearned(), Sketch.of(state_of(visits, labels))
    assert model.personal(sketch, moment, ["bread-1"]).item_ids == ["milk-1"]
    assert model.popular(set()).item_ids == []
    assert model.personal(Sketch.of(state_of([], {})), moment, []).item_ids == []


def test_a_basket_that_the_profile_knows_already_is_not_in_hand_again() -> None:
    labels = {item_id: (category, category) for item_id, category in ITEMS.items()}
    at = [int((NOW - timedelta(days=days)).timestamp()) for days in (14, 7, 0)]
    sketch = Sketch.of(state_of([PastVisit(seconds, 0, "store-1", ("milk-1", "bread-1")) for seconds in at], labels))
    assert posed(sketch, Moment(at[-1], "store-1", "till"), ["milk-1"]).basket_in_hand == ()
    assert posed(sketch, Moment(at[-1] + 1, "store-1", "till"), ["milk-1"]).basket_in_hand == ["milk-1"]
