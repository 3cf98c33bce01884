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


def test_a_campaign_runs_from_its_start_until_before_its_end() -> None:
    campaign = a_campaign(starts_at=NOW, ends_at=NOW + timedelta(days=1))
    moments = [NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=23), NOW + timedelta(days=1)]
    assert [campaign.runs_at(moment) for moment in moments] == [False, True, True, False]


def test_another_currency_is_no_campaign_of_this_store() -> None:
    assert a_campaign().in_store("store-1", "EUR") is None


def test_the_form_of_the_api_is_the_form_of_the_file() -> None:
    campaign = a_campaign(stores={"store-1": {"percent": 5}})
    assert type(campaign).model_validate_json(campaign.model_dump_json()) == campaign
