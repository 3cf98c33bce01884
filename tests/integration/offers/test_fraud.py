"""Signs of fraud on a real database: what is seen, what is done, what is kept, and that nobody waits for it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from libs.common.http.credentials import new_key
from services.offers.bootstrap.fraud import presentations_round
from services.offers.domain.fraud.signs import Presented
from services.offers.handlers.repeating import FORGOTTEN_TOGETHER
from services.offers.ports.fraud.watching import Sighting
from services.offers.store.fraud.watching import PostgresWatch
from tests.integration.offers.test_brakes import until
from tests.support.offers_facts import NOW, a_snapshot, card
from tests.support.offers_running import Till, next_id, one_of_each, open_till, tell_world
from tests.support.postgres import Database


async def codes(till: Till, count: int, customer: int = 1) -> list[str]:
    """So many vouchers of one customer."""
    who = card(customer).model_dump(mode="json")
    answers = [await till.checkout(next_id("fraud"), customer=who) for _ in range(count)]
    return [answer["vouchers"][0]["code"] for answer in answers]


async def redeemed(till: Till, code: str, **changes: Any) -> str:
    """What the till hears: `redeemed`, or why not."""
    return str((await till.redeem(code, next_id("fraud-r"), **changes))["reason"])


async def signals(till: Till) -> list[dict[str, Any]]:
    """Newest first."""
    answer = await till.client.get("/v1/fraud-signals")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def policy(folder: Path, text: str, step_up: int = 50, block: int = 100) -> Path:
    file = folder / f"{next_id('policy')}.yaml"
    file.write_text(f"step_up_points: {step_up}\nblock_points: {block}\nsignals: {{{text}}}\n")
    return file


async def test_a_good_customer_on_a_good_day_is_asked_nothing(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        for code in await codes(till, 5):
            assert await redeemed(till, code, terminal_id="3", cashier_id="anna") == "redeemed"
            till.clock.move(timedelta(hours=3))
        assert await signals(till) == []
        kept = await till.rows("SELECT action, points, cashier_id FROM presentations")
        assert kept == [{"action": "allow", "points": 0, "cashier_id": "anna"}] * 5


async def test_a_customers_vouchers_in_far_stores_within_minutes_need_a_supervisor_and_then_go_on(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    far = policy(tmp_path, "far-stores: {at_least: 1, within_seconds: 600, points: 50}")
    async with open_till(database, tmp_path, fraud_policy_file=far) as till:
        first, second, third = await codes(till, 3)
        assert await redeemed(till, first) == "redeemed"
        assert await redeemed(till, second, store_id="store-2") == "step-up-required"
        till.clock.move(timedelta(seconds=1))
        assert await redeemed(till, second, store_id="store-2", supervisor_id="boss") == "redeemed"
        till.clock.move(timedelta(minutes=11))
        assert await redeemed(till, third, store_id="store-1") == "redeemed", "eleven minutes later it may be"
        newest, older = await signals(till)
        assert (newest["action"], newest["supervisor_id"], newest["redeemed"]) == ("confirmed", "boss", True)
        assert (older["action"], older["signals"], older["points"]) == ("step-up", ["far-stores"], 50)
        assert (older["reason"], older["store_id"], older["redeemed"]) == ("step-up-required", "store-2", False)
        told = await till.rows("SELECT convert_from(value, 'UTF8') AS v FROM outbox WHERE topic = 'offers.fraud.v1'")
        assert sorted(json.loads(row["v"])["action"] for row in told) == ["confirmed", "step-up"]


async def test_a_cashier_with_the_customers_own_card_needs_a_supervisor_who_is_somebody_else(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (code,) = await codes(till, 1)
        own = {"cashier_id": "eve", "cashier_card": card(1).model_dump(mode="json")}
        assert await redeemed(till, code, **own) == "step-up-required"
        assert (await signals(till))[0]["signals"] == ["cashier-is-customer"]
        body = {"redemption_id": "x", "code": code, "receipt_id": "x", "store_id": "store-1", "currency": "USD"}
        problem = await till.client.post(
            "/v1/redemptions", json={**body, "lines": one_of_each(), **own, "supervisor_id": "eve"}
        )
        assert (problem.status_code, problem.json()["title"]) == (403, "confirms-own")
        assert await redeemed(till, code, cashier_id="eve", cashier_card=card(2).model_dump(mode="json")) == "redeemed"


async def redeemed_together(till: Till, codes: list[str], **changes: Any) -> dict[str, str]:
    """What the till hears of each code: `redeemed`, or why not."""
    basket = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": one_of_each()}
    body = {"set_id": next_id("fraud-s"), "codes": codes} | basket | changes
    answer = await till.client.post("/v1/redemption-sets", json=body)
    assert answer.status_code == 200, answer.text
    told = {each["code_no"]: "redeemed" for each in answer.json()["redeemed"]}
    told |= {each["code_no"]: each["reason"] for each in answer.json()["dropped"]}
    return {code: told[number] for number, code in enumerate(codes, 1)}


async def test_codes_that_are_redeemed_together_are_watched_like_any_other(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot(), a_snapshot(2)])
    loop = policy(
        tmp_path,
        "refund-loop: {at_least: 1, within_seconds: 86400, points: 100}, "
        "cashier-is-customer: {at_least: 1, within_seconds: 60, points: 50}, "
        "lane-velocity: {at_least: 4, within_seconds: 60, points: 1}",
    )
    async with open_till(database, tmp_path, fraud_policy_file=loop) as till:
        first, second = await codes(till, 2)
        (own,) = await codes(till, 1, customer=2)
        assert (await till.redeem(first, "loop"))["status"] == "redeemed"
        assert (await till.client.post("/v1/redemptions/loop/rollback")).status_code == 200
        till.clock.move(timedelta(seconds=1))
        eve = {"cashier_id": "eve", "cashier_card": card(2).model_dump(mode="json")}
        told = {first: "suspected", second: "suspected", own: "step-up-required"}
        assert await redeemed_together(till, [first, second, own], **eve) == told
        assert await redeemed_together(till, [own, "0000-0000-0000-0"], **eve, redeem="all") == {
            own: "step-up-required",
            "0000-0000-0000-0": "unknown-code",
        }
        confirmed = {**eve, "supervisor_id": "boss"}
        told = {first: "suspected", own: "redeemed"}
        assert await redeemed_together(till, [first, own], **confirmed) == told
        seen = await till.rows("SELECT action, count(*) FROM presentations GROUP BY action ORDER BY action")
        assert seen == [
            {"action": "allow", "count": 2},
            {"action": "block", "count": 3},
            {"action": "confirmed", "count": 1},
            {"action": "step-up", "count": 2},
        ]
        refused = {"redeem": "all", "supervisor_id": "eve", "cashier_id": "eve"}
        basket = {"receipt_id": "x", "store_id": "store-1", "currency": "USD", "lines": one_of_each()}
        problem = await till.client.post("/v1/redemption-sets", json={"set_id": "x", "codes": [own]} | basket | refused)
        assert (problem.status_code, problem.json()["title"]) == (403, "confirms-own")


async def test_only_a_key_that_may_confirm_confirms(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    key, credential = new_key("clerk", frozenset({"voucher:redeem", "voucher:explain"}))
    async with open_till(database, tmp_path, more_callers=[credential]) as till:
        (code,) = await codes(till, 1)
        body = {"redemption_id": "x", "code": code, "receipt_id": "x", "store_id": "store-1", "currency": "USD"}
        confirmed = {**body, "lines": one_of_each(), "supervisor_id": "boss"}
        problem = await till.client.post("/v1/redemptions", json=confirmed, headers={"X-Api-Key": key})
        assert (problem.status_code, problem.json()["title"]) == (403, "missing-scope")
        assert (await till.client.get("/v1/fraud-signals", headers={"X-Api-Key": key})).status_code == 403


async def test_redeem_and_return_again_and_again_is_a_loop(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    loop = policy(tmp_path, "refund-loop: {at_least: 2, within_seconds: 86400, points: 100}")
    async with open_till(database, tmp_path, fraud_policy_file=loop) as till:
        code, other = await codes(till, 2)
        for _ in range(2):
            redemption_id = next_id("loop")
            assert (await till.redeem(code, redemption_id))["status"] == "redeemed"
            assert (await till.client.post(f"/v1/redemptions/{redemption_id}/rollback")).status_code == 200
            till.clock.move(timedelta(minutes=1))
        assert await redeemed(till, code) == "suspected"
        assert await redeemed(till, other, supervisor_id="boss") == "suspected", (
            "nobody lifts a block, and it is the customer's"
        )
        assert {each["action"] for each in await signals(till)} == {"block"}


async def test_a_screenshot_that_goes_round_is_noted_while_it_is_refused_anyway(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (code,) = await codes(till, 1)
        for lane in range(4):
            till.clock.move(timedelta(seconds=1))
            await redeemed(till, code, terminal_id=f"lane-{lane}")
        noted = await signals(till)
        assert [(each["action"], each["signals"], each["reason"]) for each in noted] == [
            ("noted", ["copied-code"], "already-redeemed")
        ]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("customer-velocity: {at_least: 3, within_seconds: 60, points: 100}", {}),
        ("lane-velocity: {at_least: 3, within_seconds: 60, points: 100}", {"terminal_id": "1"}),
        ("store-velocity: {at_least: 3, within_seconds: 60, points: 100}", {}),
        ("cashier-velocity: {at_least: 3, within_seconds: 60, points: 100}", {"cashier_id": "eve"}),
        ("cashier-and-customer: {at_least: 3, within_seconds: 60, points: 100}", {"cashier_id": "eve"}),
        ("split-basket: {at_least: 2, within_seconds: 60, points: 100}", {}),
    ],
)
async def test_the_third_within_a_minute_is_too_many_and_a_minute_later_it_is_not(
    database: Database, tmp_path: Path, text: str, changes: dict[str, Any]
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, fraud_policy_file=policy(tmp_path, text)) as till:
        one, two, three = await codes(till, 3)
        for code, said in ((one, "redeemed"), (two, "redeemed"), (three, "suspected")):
            assert await redeemed(till, code, **changes) == said
            till.clock.move(timedelta(seconds=1))
        till.clock.move(timedelta(seconds=61))
        assert await redeemed(till, three, **changes) == "redeemed"


async def test_a_batch_whose_codes_come_too_fast_is_seen(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    fast = policy(tmp_path, "batch-velocity: {at_least: 2, within_seconds: 60, points: 60}")
    async with open_till(database, tmp_path, fraud_policy_file=fast) as till:
        one, two = await codes(till, 2)
        await till.rows("UPDATE vouchers SET batch_id = 'leak' RETURNING voucher_id")
        assert await redeemed(till, one) == "redeemed"
        till.clock.move(timedelta(seconds=1))
        assert await redeemed(till, two) == "step-up-required"


async def test_who_hears_no_reasons_hears_none_of_these(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    key, credential = new_key("shop", frozenset({"voucher:redeem"}))
    eager = policy(tmp_path, "lane-velocity: {at_least: 1, within_seconds: 60, points: 100}")
    async with open_till(database, tmp_path, more_callers=[credential], fraud_policy_file=eager) as till:
        (code,) = await codes(till, 1)
        body = {"redemption_id": "x", "code": code, "receipt_id": "x", "store_id": "store-1", "currency": "USD"}
        heard = await till.client.post(
            "/v1/redemptions", json={**body, "lines": one_of_each()}, headers={"X-Api-Key": key}
        )
        assert (heard.json()["status"], heard.json()["reason"]) == ("refused", "not-valid")


async def test_a_look_that_is_slow_or_away_blocks_nobody_and_is_counted(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    eager = policy(tmp_path, "lane-velocity: {at_least: 1, within_seconds: 60, points: 100}")
    async with open_till(database, tmp_path, fraud_policy_file=eager, fraud_look_seconds=0.05) as till:
        one, two, three = await codes(till, 3)
        sightings = till.door.sightings

        async def hangs(connection: Any, _asked: list[Sighting]) -> list[Presented]:
            await until(connection.is_closed)
            raise asyncpg.InterfaceError("gone")

        object.__setattr__(sightings.statement, "_execute", hangs)
        assert await redeemed(till, one) == "redeemed"
        assert till.parts.registry.get_sample_value("offers_fraud_unwatched_total", {"reason": "slow"}) == 1

        async def fails(_connection: Any, _asked: list[Sighting]) -> list[Presented]:
            raise asyncpg.DataError

        await until(lambda: sightings.statement.connected)
        object.__setattr__(sightings.statement, "_execute", fails)
        assert await redeemed(till, three) == "redeemed"
        assert till.parts.registry.get_sample_value("offers_fraud_unwatched_total", {"reason": "look-failed"}) == 1
        sightings.statement.stop()
        assert await redeemed(till, two) == "redeemed"
        assert till.parts.registry.get_sample_value("offers_fraud_unwatched_total", {"reason": "database-away"}) == 1
        assert [row["action"] for row in await till.rows("SELECT action FROM presentations")] == ["unwatched"] * 3


async def test_a_stores_key_sees_its_own_store_and_pages_go_back_in_time(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    key, credential = new_key("chief", frozenset({"fraud:read"}), store_id="store-2")
    eager = policy(tmp_path, "lane-velocity: {at_least: 1, within_seconds: 60, points: 1}")
    async with open_till(database, tmp_path, more_callers=[credential], fraud_policy_file=eager) as till:
        for number, code in enumerate(await codes(till, 4)):
            await redeemed(till, code, store_id=f"store-{number % 2 + 1}")
            till.clock.move(timedelta(minutes=5))
        mine = (await till.client.get("/v1/fraud-signals", headers={"X-Api-Key": key})).json()
        assert [each["store_id"] for each in mine] == ["store-2"] * 2
        first = (await till.client.get("/v1/fraud-signals", params={"limit": 3})).json()
        rest = (await till.client.get("/v1/fraud-signals", params={"before": first[-1]["at"]})).json()
        assert [len(first), len(rest)] == [3, 1]
        assert first[0]["at"] > rest[0]["at"]


async def test_a_page_never_ends_within_a_moment(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    eager = policy(tmp_path, "lane-velocity: {at_least: 1, within_seconds: 60, points: 1}")
    async with open_till(database, tmp_path, fraud_policy_file=eager) as till:
        shown = await codes(till, 5)
        await redeemed_together(till, shown[:3])
        till.clock.move(timedelta(minutes=5))
        await redeemed(till, shown[3])
        till.clock.move(timedelta(minutes=5))
        await redeemed(till, shown[4])
        read, before = list[str](), dict[str, str]()
        while page := (await till.client.get("/v1/fraud-signals", params={"limit": "2"} | before)).json():
            read += [each["redemption_id"] for each in page]
            before = {"before": page[-1]["at"]}
        assert len(read) == len(set(read)) == 5, "a set's codes are of one moment"


async def test_presentations_are_forgotten_in_time(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, presentations_kept_days=2) as till:
        one, two = await codes(till, 2)
        await redeemed(till, one)
        till.clock.move(timedelta(days=2, hours=1))
        await redeemed(till, two)
        await presentations_round(till.parts)()
        assert len(await till.rows("SELECT redemption_id FROM presentations")) == 1


async def test_however_many_presentations_wait_to_be_forgotten_a_round_takes_some(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql(f"""
                INSERT INTO presentations
                    (redemption_id, at, receipt_id, store_id, lane, redeemed, reason, action, points, signals)
                SELECT n, timestamptz '2020-01-01', n, 's', 'l', false, '', 'allow', 0, '{{}}'
                FROM generate_series(1, {FORGOTTEN_TOGETHER + 5}) AS n
            """)  # noqa: S608  # a number of our own
        forget = presentations_round(till.parts)
        assert [await forget(), await forget()] == [FORGOTTEN_TOGETHER, 0], "the rest comes at once, then none"
        assert await till.rows("SELECT redemption_id FROM presentations") == []
        async with till.transaction() as (tx, _):
            assert await PostgresWatch(tx).suspects(store_id=None, before=NOW, limit=1) == []
