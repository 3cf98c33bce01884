"""Laws of holds: what is held is kept for its receipt and for nobody else, for a while; weighing says what redeeming does."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from libs.common.http.credentials import new_key
from services.offers.handlers.redemption.holding import free_lapsed_holds
from services.offers.handlers.vouchers.expiry import expire_vouchers
from services.offers.metrics import OffersMetrics
from services.offers.store.redemption.holds import PostgresHolds
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import SCOPES, Till, one_of_each, open_till, redemption_body, tell_world
from tests.support.postgres import Database

UNKNOWN = "0123-4567-89AB-9"


def basket(receipt_id: str = "mine", **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"receipt_id": receipt_id, "store_id": "store-1", "currency": "USD", "lines": one_of_each()}
    return plain | changes


async def ask(till: Till, path: str, body: dict[str, Any] | None = None) -> Any:
    answer = await till.client.post(f"/v1/{path}", json=body or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def hold(till: Till, code: str, hold_id: str = "h1", **changes: Any) -> Any:
    return await ask(till, "holds", basket(code=code, hold_id=hold_id) | changes)


async def codes(till: Till, count: int = 1) -> list[str]:
    return [(await till.checkout(f"k{number}"))["vouchers"][0]["code"] for number in range(count)]


async def test_what_is_weighed_is_what_is_redeemed(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        good, used = await codes(till, 2)
        await till.redeem(used, "before")
        shown = [good, used, UNKNOWN, good]
        weighed = (await ask(till, "qualifications", basket(codes=shown)))["codes"]
        assert [(each["status"], each["reason"]) for each in weighed] == [
            ("gives", "gives"),
            ("refused", "already-redeemed"),
            ("refused", "unknown-code"),
            ("gives", "gives"),
        ]
        assert await till.rows("SELECT count(*)::int AS n FROM redemptions") == [{"n": 1}], "nothing changed"
        redeemed = await till.redeem(good, "r1", receipt_id="mine")
        assert (redeemed["given_cents"], redeemed["lines"]) == (weighed[0]["would_give_cents"], weighed[0]["lines"])


async def test_a_held_voucher_is_its_receipt_s_and_nobody_else_s(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (code,) = await codes(till)
        held = await hold(till, code, seconds=60)
        assert (held["status"], held["held_until"]) == ("held", "2026-03-10T15:01:00Z")
        assert held == await hold(till, code, seconds=60), "the same attempt, the same answer"
        assert (await hold(till, code, "h2", receipt_id="theirs"))["reason"] == "held-elsewhere"
        weighed = await ask(till, "qualifications", basket("theirs", codes=[code]))
        assert weighed["codes"][0]["reason"] == "held-elsewhere"
        assert (await till.redeem(code, "r1", receipt_id="theirs"))["reason"] == "held-elsewhere"
        assert (await till.redeem(code, "r2", receipt_id="mine"))["given_cents"] == held["would_give_cents"]
        assert (await ask(till, "holds/h1/release"))["status"] == "released", "it is over with the redemption"
        assert (await till.redeem(code, "r3", receipt_id="theirs"))["reason"] == "already-redeemed"


async def test_of_many_tills_that_hold_one_code_at_once_one_gets_it(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        (code,) = await codes(one)
        asked = [hold(till, code, f"h{n}", receipt_id=f"sale-{n}") for n, till in enumerate([one, other] * 15)]
        answers = await asyncio.gather(*asked)
        (won,) = [answer for answer in answers if answer["status"] == "held"]
        assert {answer["reason"] for answer in answers if answer is not won} == {"held-elsewhere"}
        receipt_id = won["hold_id"].replace("h", "sale-")
        assert (await one.redeem(code, "r1", receipt_id=receipt_id))["status"] == "redeemed"


async def test_a_hold_that_lapses_bars_nobody(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (code,) = await codes(till)
        await hold(till, code, seconds=60)
        till.clock.move(timedelta(seconds=60))
        assert (await till.client.post("/v1/holds/h1/extension", json={})).json()["title"] == "hold-ended"
        assert await lapsed(till) == 1
        assert await lapsed(till) == 0
        assert (await till.redeem(code, "r1", receipt_id="theirs"))["status"] == "redeemed"


async def test_a_hold_is_extended_up_to_a_quarter_of_an_hour_and_released_at_once(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (code,) = await codes(till)
        await hold(till, code, seconds=60)
        till.clock.move(timedelta(seconds=50))
        assert (await ask(till, "holds/h1/extension", {"seconds": 600}))["held_until"] == "2026-03-10T15:10:50Z"
        till.clock.move(timedelta(minutes=9))
        assert (await ask(till, "holds/h1/extension", {"seconds": 600}))["held_until"] == "2026-03-10T15:15:00Z"
        assert (await till.redeem(code, "r1", receipt_id="theirs"))["reason"] == "held-elsewhere"
        assert await ask(till, "holds/h1/release") == await ask(till, "holds/h1/release")
        assert (await till.redeem(code, "r2", receipt_id="theirs"))["status"] == "redeemed"
        assert (await till.client.post("/v1/holds/ghost/release")).status_code == 404


async def test_who_holds_a_voucher_gets_it_though_its_time_ends_meanwhile(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(validity_days=0)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        kept, left = await codes(till, 2)
        till.clock.move(timedelta(hours=12, minutes=59, seconds=30))  # half a minute to midnight in New York
        await hold(till, kept, seconds=60)
        till.clock.move(timedelta(seconds=45))
        async with till.transaction() as (_, stores):
            assert await expire_vouchers(stores.expiry, till.clock.now(), till.parts.metrics) == 1, "only the other one"
        assert (await till.redeem(left, "r1", receipt_id="mine"))["reason"] == "expired"
        assert (await till.redeem(kept, "r2", receipt_id="theirs"))["reason"] == "expired"
        assert (await till.redeem(kept, "r3", receipt_id="mine"))["status"] == "redeemed"
        sums = await till.rows(
            "SELECT sum(reserved_cents)::int AS reserved, sum(spent_cents)::int AS spent FROM budgets"
        )
        assert sums == [{"reserved": 0, "spent": 100}]


async def test_codes_are_weighed_and_held_for_authorised_tills_of_their_store(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    blind, without = new_key("blind", SCOPES - {"voucher:explain"})
    there, elsewhere = new_key("elsewhere", SCOPES, store_id="store-2")
    async with open_till(database, tmp_path, more_callers=[without, elsewhere]) as till:
        (code,) = await codes(till)
        await hold(till, code)
        for key, path, body in [
            (blind, "qualifications", basket(codes=[code])),
            (blind, "holds", basket(code=code, hold_id="h2")),
            (there, "holds", basket(code=code, hold_id="h2")),
            (there, "holds/h1/release", {}),
            (there, "holds/h1/extension", {}),
        ]:
            answer = await till.client.post(f"/v1/{path}", json=body, headers={"X-Api-Key": key})
            assert answer.status_code == 403, path


@pytest.mark.parametrize("path", ["qualifications", "holds"])
async def test_who_guesses_here_is_locked_out_everywhere(database: Database, tmp_path: Path, path: str) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, misses_per_lane=3) as till:
        (code,) = await codes(till)
        statuses = []
        for number in range(4):
            body = basket(codes=[UNKNOWN]) if path == "qualifications" else basket(code=UNKNOWN, hold_id=f"h{number}")
            statuses.append((await till.client.post(f"/v1/{path}", json=body)).status_code)
        assert statuses == [200, 200, 200, 429]
        assert (await till.client.post("/v1/redemptions", json=redemption_body(code, "r1"))).status_code == 429


async def lapsed(till: Till) -> int:
    async with till.parts.transactions.begin() as tx:
        return await free_lapsed_holds(PostgresHolds(tx), till.clock.now(), OffersMetrics(CollectorRegistry()))
