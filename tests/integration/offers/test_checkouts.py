"""Laws of a checkout at the door: one answer for ever, the tier that is allowed, and nobody else's business."""

import asyncio
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from libs.common.contracts.profile import IdentityChanged
from libs.common.http.credentials import new_key
from tests.support.offers_facts import ITEMS, NOW, a_campaign, a_snapshot, an_event, availability, card, customer_of
from tests.support.offers_running import Till, checkout_body, next_id, open_till, tell_world
from tests.support.postgres import Database


async def test_the_same_checkout_ten_times_at_once_is_one_set_of_vouchers_and_the_same_bytes(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        body = checkout_body("checkout-1", slots=3)
        calls = [till.client.post("/v1/checkouts", json=body) for till in (one, other) for _ in range(5)]
        answers = {answer.content for answer in await asyncio.gather(*calls)}
        answers.add((await one.client.post("/v1/checkouts", json=body)).content)
        assert len(answers) == 1
        assert len(msgspec.json.decode(answers.pop())["vouchers"]) == 3
        assert await one.rows("SELECT count(*) FROM vouchers") == [{"count": 3}]
        assert await one.rows("SELECT count(*) FROM decisions") == [{"count": 1}]
        assert await one.rows("SELECT count(*) FROM outbox") == [{"count": 4}]
        assert await one.rows("SELECT reserved_cents FROM budgets") == [{"reserved_cents": 300}]


async def test_an_answer_is_personal_only_with_consent_and_a_fresh_feed(database: Database, tmp_path: Path) -> None:
    customers = [a_snapshot(1), a_snapshot(2, consent=False), a_snapshot(3, complaint=True)]
    await tell_world(database, customers=customers)
    async with open_till(database, tmp_path, fresh_within_seconds=60.0) as till:
        told = {
            name: await till.checkout(name, customer=who)
            for name, who in {
                "known": card(1).model_dump(mode="json"),
                "without consent": card(2).model_dump(mode="json"),
                "complaining": card(3).model_dump(mode="json"),
                "stranger": card(99).model_dump(mode="json"),
                "nobody": None,
            }.items()
        }
        till.clock.move(timedelta(seconds=61))
        told["after the feed stopped"] = await till.checkout("late")
        assert {name: (answer["tier"], answer["reason"], len(answer["vouchers"])) for name, answer in told.items()} == {
            "known": (0, "offered", 1),
            "without consent": (1, "no-consent", 1),
            "complaining": (0, "open-complaint", 0),
            "stranger": (1, "unknown-customer", 1),
            "nobody": (1, "no-identifier", 1),
            "after the feed stopped": (1, "stale-profile", 1),
        }
        by_customer = await till.rows("SELECT DISTINCT customer_id FROM vouchers WHERE customer_id IS NOT NULL")
        assert by_customer == [{"customer_id": customer_of(1)}], "a prior decision names no customer"


async def test_every_decision_is_logged_with_propensities_that_sum_to_one(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        answer = await till.checkout("checkout-1")
        rows = await till.rows("SELECT value FROM outbox WHERE topic = 'offers.decisions.v1'")
        event = msgspec.json.decode(rows[0]["value"])
        assert math.isclose(sum(each["propensity_ratio"] for each in event["alternatives"]), 1.0)
        chosen = {each["category"]: each["propensity_ratio"] for each in event["alternatives"]}
        assert chosen[answer["vouchers"][0]["category"]] == answer["vouchers"][0]["propensity_ratio"]
        assert event["decision_id"] == answer["decision_id"]
        stored = await till.rows("SELECT propensity_ratio FROM vouchers")
        assert stored[0]["propensity_ratio"] == answer["vouchers"][0]["propensity_ratio"]
        everything = str(await till.rows("SELECT * FROM outbox")) + str(await till.rows("SELECT * FROM decisions"))
        assert answer["vouchers"][0]["code"] not in everything


async def test_nothing_is_offered_that_the_store_does_not_have(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        gone = [item_id for item_id, category in ITEMS.items() if category != "milk"]
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_availability(availability(gone, version=2, status="none"), ())
        personal = await till.checkout("personal")
        prior = await till.checkout("prior", customer=None)
        for answer in (personal, prior):
            assert [voucher["category"] for voucher in answer["vouchers"]] == ["milk"]
            assert set(answer["vouchers"][0]["item_ids"]) <= {f"milk-{number}" for number in range(1, 6)}
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_availability(availability(version=3, status="none"), ())
        assert (await till.checkout("empty"))["reason"] == "unavailable"


async def test_stores_that_are_asked_together_are_told_apart(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        gone = [item_id for item_id, category in ITEMS.items() if category != "milk"]
        of_second = [
            one for one in availability(gone, version=2, status="none") if one.partition_key.startswith("store-2")
        ]
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_availability(of_second, ())
        asked = [(f"c{number}", f"store-{1 + number % 2}", card(number % 3)) for number in range(24)]
        answers = await asyncio.gather(
            *(
                till.checkout(checkout_id, store_id=store_id, customer=known.model_dump(mode="json"))
                for checkout_id, store_id, known in asked
            )
        )
    offered: dict[str, set[str]] = {"store-1": set(), "store-2": set()}
    for (_, store_id, _), answer in zip(asked, answers, strict=True):
        offered[store_id] |= {voucher["category"] for voucher in answer["vouchers"]}
    assert offered["store-2"] == {"milk"}
    assert len(offered["store-1"]) > 1


async def test_limits_per_customer_hold_and_survive_a_merge_of_identities(database: Database, tmp_path: Path) -> None:
    rails = {"greatest_value_cents": 500, "open_per_customer": 1}
    await tell_world(database, campaigns=[a_campaign(guard_rails=rails)], customers=[a_snapshot(1), a_snapshot(2)])
    async with open_till(database, tmp_path) as till:
        assert len((await till.checkout("first"))["vouchers"]) == 1
        assert (await till.checkout("second"))["reason"] == "frequency"
        await _merge(till, old=customer_of(1), new=customer_of(2))
        merged = await till.checkout("third", customer=card(2).model_dump(mode="json"))
        assert (merged["tier"], merged["reason"]) == (0, "frequency")
        by_old_card = await till.checkout("fourth", customer=card(1).model_dump(mode="json"))
        assert (by_old_card["tier"], by_old_card["reason"]) == (0, "frequency")


async def _merge(till: Till, *, old: str, new: str) -> None:
    changed = IdentityChanged(customer_id=old, version=1, now_customer_id=new)
    async with till.transaction() as (_, stores):
        await stores.read_model.apply_identities([an_event(changed, "merge")], ())
        await stores.read_model.apply_snapshots([], [old])


async def test_a_new_campaign_is_in_force_at_the_next_checkout_of_a_play(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[], customers=[a_snapshot()])
    async with open_till(database, tmp_path, play_mode=True, refresh_seconds=60.0) as till:
        assert (await till.checkout("before"))["reason"] == "no-campaign"
        campaign = a_campaign().model_dump(mode="json")
        assert (await till.client.put("/v1/campaigns/usual", json=campaign)).status_code == 200
        assert (await till.checkout("after"))["reason"] == "offered"


async def test_event_time_is_the_clock_of_a_play_and_of_nobody_else(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    moment = (NOW + timedelta(days=3)).isoformat()
    async with open_till(database, tmp_path) as live:
        refused = await live.client.post("/v1/checkouts", json=checkout_body("live", occurred_at=moment))
        assert (refused.status_code, refused.json()["title"]) == (403, "play-only")
    async with open_till(database, tmp_path, play_mode=True) as playing:
        answer = await playing.checkout("play", occurred_at=moment)
        assert answer["vouchers"][0]["valid_from"] == "2026-03-13T15:00:00Z"
        async with playing.transaction() as (_, stores):
            await stores.read_model.clock_reached(NOW + timedelta(days=5))
        later = await playing.checkout("late", occurred_at=moment)
        assert later["vouchers"][0]["valid_from"] == "2026-03-15T15:00:00Z", "time does not go back"


async def test_a_well_formed_request_is_always_answered_with_200(database: Database, tmp_path: Path) -> None:
    expected: list[tuple[dict[str, Any], int]] = [
        ({"slots": 4}, 422),
        ({"currency": "usd"}, 422),
        ({"surprise": 1}, 422),
        ({"checkout_id": ""}, 422),
        ({"checkout_id": "a\x00b"}, 422),
        ({"store_id": "no such store"}, 200),
        ({"currency": "EUR"}, 200),
        ({"lines": []}, 200),
        ({"lines": [{"line_no": 1, "item_id": "ghost", "quantity": "1", "amount_cents": 5}]}, 200),
        ({"deadline_ms": 1}, 200),
        ({"deadline_ms": 10**9}, 200),
        ({"checkout_id": "élan \u2028 ☕"}, 200),
    ]
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        for changes, status in expected:
            body = checkout_body(next_id("checkout")) | changes
            answer = await till.client.post("/v1/checkouts", json=body)
            assert answer.status_code == status, changes
            assert status == 422 or answer.json()["tier"] in {0, 1, 3}


async def test_only_a_till_of_that_store_with_that_scope_is_answered(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    bound, bound_credential = new_key("bound", frozenset({"voucher:request"}), store_id="store-2")
    other, other_credential = new_key("other", frozenset({"voucher:redeem"}))
    async with open_till(database, tmp_path, more_callers=[bound_credential, other_credential]) as till:
        body = checkout_body("checkout-1", customer=None)
        outcomes = {
            name: (await till.client.post("/v1/checkouts", json=body | changes, headers={"X-Api-Key": key})).status_code
            for name, key, changes in (
                ("no key", "", {}),
                ("unknown key", "tk_bound_0", {}),
                ("other scope", other, {}),
                ("other store", bound, {}),
                ("own store", bound, {"store_id": "store-2"}),
            )
        }
        assert outcomes == {
            "no key": 401,
            "unknown key": 401,
            "other scope": 403,
            "other store": 403,
            "own store": 200,
        }


async def test_a_voucher_a_year_counts_against_its_rail_whatever_was_issued_since(
    database: Database, tmp_path: Path
) -> None:
    rails = {"greatest_value_cents": 500, "issued_per_customer": 1, "issued_within_days": 366}
    yearly = a_campaign("yearly", guard_rails=rails | {"open_per_customer": 2})
    await tell_world(database, campaigns=[yearly], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        assert len((await till.checkout("first"))["vouchers"]) == 1
        await till.rows(
            f"""INSERT INTO vouchers (voucher_id, checkout_id, slot, code_lookup, campaign_id, customer_id, receipt_id, store_id,
                                      category, item_ids, kind, percent, greatest_value_cents, reserved_cents, currency,
                                      propensity_ratio, tier, state, valid_from, expires_at)
                SELECT 'v' || n, 'c' || n, 1, decode(md5(n::text), 'hex'), 'others', '{customer_of(1)}', 'r' || n, 'store-1',
                       'bread', '{{}}', 'percent', 10, 100, 0, 'USD', 1, 0, 'expired', valid_from + n * interval '1 minute',
                       expires_at
                FROM vouchers, generate_series(1, 150) AS n RETURNING voucher_id"""  # noqa: S608  # an id of our own
        )
        till.clock.move(timedelta(days=200))
        async with till.transaction() as (_, stores):
            await stores.read_model.feed_reached("profile.snapshots.v1", 0, till.clock.now())
        assert (await till.checkout("later"))["reason"] == "frequency"
        till.clock.move(timedelta(days=167))
        async with till.transaction() as (_, stores):
            await stores.read_model.feed_reached("profile.snapshots.v1", 0, till.clock.now())
        assert len((await till.checkout("next year"))["vouchers"]) == 1
