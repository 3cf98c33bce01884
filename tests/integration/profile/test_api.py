"""The API: customers by id and by identifier, their next baskets with reasons, for callers who may ask."""

from pathlib import Path

from services.profile.handlers.intake import own_customer_id
from tests.integration.profile.test_learner import played, shopping
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import (
    ITEMS,
    a_catalogue,
    a_consent,
    a_link,
    a_sale,
    a_view,
    an_answer,
    at,
    card,
    visitor,
)
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.secrets import PSEUDONYMS


async def test_a_customer_is_found_by_every_identifier_and_old_id(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        shopper, guest = PSEUDONYMS.of(card(1)), PSEUDONYMS.of(visitor(1))
        await profile.take([*a_catalogue(), a_sale("r1", shopper), a_view("w1", guest), an_answer("a1", shopper)])
        await profile.take([a_link("l1", shopper, guest, day=1), a_consent("c1", guest)])
        await profile.fold_all()
        ways = [
            "/v1/customers?identifier=loyalty_card:1",
            "/v1/customers?identifier=web_visitor:1",
            f"/v1/customers/{own_customer_id(shopper.key)}",
            f"/v1/customers/{own_customer_id(guest.key)}",
        ]
        answers = [(await client.get(way)).json() for way in ways]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["totals"]["amount_cents"] == 300
        assert answers[0]["answers"] == [{"question": "satisfaction", "answers_count": 1, "mean_score": 8.0}]
        assert [item["item_id"] for item in answers[0]["favourite_items"]] == ["item-1", "item-2"]
        assert [word["granted"] for word in answers[0]["consents"]] == [True]
        assert answers[0]["segments"] == ["new"]


async def test_an_unknown_customer_is_a_problem(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        for way in ("/v1/customers/nobody", "/v1/customers?identifier=loyalty_card:404", "/v1/customers/x/next-basket"):
            answer = await client.get(way)
            assert (answer.status_code, answer.json()["title"]) == (404, "unknown-customer")


async def test_a_key_without_the_scope_is_sent_away(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "events:write") as client:
        assert (await client.get("/v1/customers/x")).status_code == 403
        assert (await client.get("/v1/customers/x", headers={"x-api-key": "tk_a_b"})).status_code == 401


async def test_the_next_basket_is_ranked_by_the_newest_model_with_reasons(database: Database, tmp_path: Path) -> None:
    async with (
        running_profile(database, learning_interval_seconds=86_400) as profile,
        asking(profile, tmp_path, "customers:read") as client,
    ):
        customer = own_customer_id(card(1).key)
        await profile.take([a_sale("first", card(1), items=[ITEMS[0]], day=-1)])
        await profile.fold_all()
        before = (await client.get(f"/v1/customers/{customer}/next-basket")).json()
        assert before["model_id"] == "prior-1"
        assert [need["item_id"] for need in before["needs"]] == [ITEMS[0]]

        models = await played(profile, shopping(5), _itself)
        await profile.fold_all()
        asked = f"/v1/customers/{customer}/next-basket?k=5&at={at(17).strftime('%Y-%m-%dT%H:%M:%SZ')}&store_id=store-1"
        answer = (await client.get(asked)).json()
        assert answer["model_id"] in {model["model_id"] for model in models}
        assert len(answer["needs"]) == 5
        assert all(need["reasons"] for need in answer["needs"][:1])
        assert ITEMS[-1] not in {need["item_id"] for need in answer["needs"]}
        assert (await client.get(asked)).json() == answer
        till = (await client.get(f"{asked}&moment=till")).json()
        assert till["model_id"] != answer["model_id"]


async def test_a_moment_that_is_none_in_utc_is_too_far(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        for at_the_end in ("0001-01-01T00:00:00%2B12:00", "9999-12-31T23:59:59-12:00"):
            answer = await client.get(f"/v1/customers/{own_customer_id('x')}/next-basket?at={at_the_end}")
            assert (answer.status_code, answer.json()["title"]) == (422, "moment-too-far")


async def _itself(profile: RunningProfile) -> RunningProfile:
    return profile
