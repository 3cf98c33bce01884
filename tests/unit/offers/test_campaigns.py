"""Laws of campaigns and their guard rails."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.offers.bootstrap.migration import campaigns_in
from tests.support.offers_facts import NOW, a_campaign

DEMO = Path(__file__).parents[3] / "deploy" / "campaigns" / "demo.yaml"


def test_the_demo_campaigns_keep_their_rules_and_fit_any_data_set() -> None:
    campaigns = campaigns_in(DEMO)
    assert {campaign.campaign_id for campaign in campaigns} >= {"your-usual", "try-something-new"}
    assert all(campaign.targets("whatever it is called") for campaign in campaigns)


def test_a_store_changes_what_it_states_and_keeps_the_rest() -> None:
    campaign = a_campaign(stores={"store-1": {"percent": 5}, "store-2": {"active": False}})
    here, plain = campaign.in_store("store-1", "USD"), campaign.in_store("store-9", "USD")
    assert here is not None
    assert plain is not None
    assert (here.percent, here.greatest_value_cents) == (5, plain.greatest_value_cents)
    assert campaign.in_store("store-2", "USD") is None


@pytest.mark.parametrize(
    "override",
    [{"percent": 51}, {"greatest_value_cents": 501}, {"validity_days": 61}],
    ids=lambda change: next(iter(change)),
)
def test_no_store_leaves_the_guard_rails(override: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="leaves its guard rails"):
        a_campaign(stores={"store-1": override})


@pytest.mark.parametrize(
    "changes",
    [
        {"percent": None},
        {"amount_cents": 50},
        {"kind": "amount", "percent": None, "amount_cents": 50},
        {"greatest_value_cents": 600},
        {"validity_days": 90},
        {"starts_at": NOW, "ends_at": NOW},
        {"holdout_ratio": 1.5},
        {"surprise": True},
    ],
)
def test_a_campaign_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_campaign(**changes)


KINDS: dict[str, dict[str, Any]] = {
    "fixed_price": {"fixed_price": {"price_cents": 99}},
    "free_item": {"free_item": {}},
    "buy_get": {"buy_get": {"buy": 2, "percent": 50}},
    "bundle": {
        "bundle": {"parts": [{"category": "milk", "pieces": 2}, {"category": "bread"}], "price_cents": 300},
        "categories": ["milk", "bread"],
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_states_what_it_promises_and_what_it_costs_at_most(kind: str) -> None:
    campaign = a_campaign(kind=kind, percent=None, greatest_value_cents=250, **KINDS[kind])
    terms = campaign.in_store("store-1", "USD")
    assert terms is not None
    assert (terms.kind, terms.percent, terms.amount_cents, terms.greatest_value_cents) == (kind, None, None, 250)
    assert type(campaign).model_validate_json(campaign.model_dump_json(exclude_none=True)) == campaign


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"percent": 10}, "states what it promises in the field for it"),
        ({"signed": "chain"}, "can be signed"),
        ({"greatest_value_cents": 501}, "guard rails"),
        ({"kind": "amount"}, "states what it promises in the field for it"),
    ],
)
def test_no_kind_says_two_things_is_signed_or_leaves_the_guard_rails(
    kind: str, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        a_campaign(**({"kind": kind, "percent": None, "greatest_value_cents": 250} | KINDS[kind] | changes))


@pytest.mark.parametrize(
    "bundle",
    [
        {"parts": [{"category": "milk"}], "price_cents": 100},
        {"parts": [{"category": "milk"}, {"category": "milk"}], "price_cents": 100},
        {"parts": [{"category": "milk"}, {"category": "bread", "pieces": 0}], "price_cents": 100},
        {"parts": [{"category": "milk"}, {"category": "bread"}], "price_cents": -1},
        {"parts": [{"category": "milk"}, {"category": "eggs"}], "price_cents": 100},
    ],
)
def test_a_bundle_has_parts_of_categories_that_its_campaign_is_for(bundle: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_campaign(kind="bundle", percent=None, bundle=bundle, categories=["milk", "bread"])


def test_what_is_kept_of_an_amount_or_a_percentage_is_what_a_release_before_reads() -> None:
    kept = a_campaign().model_dump(exclude_none=True)
    assert not set(kept) & {"fixed_price", "free_item", "buy_get", "bundle"}


def test_a_campaign_runs_from_its_start_until_before_its_end() -> None:
    campaign = a_campaign(starts_at=NOW, ends_at=NOW + timedelta(days=1))
    moments = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=23), NOW + timedelta(days=1)]
    assert [campaign.runs_at(moment) for moment in moments] == [False, True, True, False]


def test_another_currency_is_no_campaign_of_this_store() -> None:
    assert a_campaign().in_store("store-1", "EUR") is None


def test_the_form_of_the_api_is_the_form_of_the_file() -> None:
    campaign = a_campaign(stores={"store-1": {"percent": 5}})
    assert type(campaign).model_validate_json(campaign.model_dump_json()) == campaign
