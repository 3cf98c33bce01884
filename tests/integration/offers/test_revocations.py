"""Laws of revocations: refused from the answer on, every reserve back once, every end told, and who did it is kept."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.common.http.credentials import new_key
from services.offers.bootstrap.rounds import revocation_round
from services.offers.handlers.revocation import LOOKED_AT_TOGETHER
from tests.integration.offers.test_redemptions import money
from tests.support.offers_facts import NOW, a_campaign, a_snapshot
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database

MANY = 8_000
_FILL = f"""
    INSERT INTO vouchers (voucher_id, checkout_id, slot, code_lookup, campaign_id, receipt_id, store_id, category, item_ids,
                          kind, percent, greatest_value_cents, reserved_cents, currency, propensity_ratio, tier, valid_from,
                          expires_at, batch_id)
    SELECT 'v' || n, 'c' || n, 1, decode(md5(n::text), 'hex'), 'usual', 'r' || n, 'store-1', 'bread', '{{}}', 'percent', 10,
           100, 100, 'USD', 1, 0, '2026-03-10 14:00+00', '2026-04-01 00:00+00', 'batch-' || n % 2
    FROM generate_series(1, {MANY}) AS n
"""  # noqa: S608  # a number of our own


async def revoke(till: Till, revocation_id: str, **changes: Any) -> dict[str, Any]:
    body = {"revocation_id": revocation_id, "reason": "seen on a coupon site"} | changes
    answer = await till.client.post("/v1/revocations", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def sweep(till: Till) -> int:
    """Let what was under way end, then end what was revoked; returns the steps."""
    till.clock.move(timedelta(minutes=1))
    steps, one_step = 0, revocation_round(till.parts)
    while await one_step():
        steps += 1
    return steps


async def test_a_revoked_campaign_is_refused_at_once_in_every_process(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        code = (await one.checkout("checkout"))["vouchers"][0]["code"]
        revoked = await revoke(one, "leak", campaign_id="usual")
        assert (await other.redeem(code, "r1"))["reason"] == "revoked"
        assert revoked["vouchers"] == 0
        assert await money(one) == {"reserved": 100, "spent": 0, "given": 0}
        await sweep(one)
        assert (await other.redeem(code, "r2"))["reason"] == "revoked"
        assert await money(one) == {"reserved": 0, "spent": 0, "given": 0}
        told = await one.rows(
            "SELECT convert_from(value, 'UTF8') AS value FROM outbox WHERE topic = 'offers.vouchers.v1'"
        )
        facts = [json.loads(row["value"]) for row in told]
        ends = [fact for fact in facts if "revocation_id" in fact]
        assert [(end["revocation_id"], end["released_cents"]) for end in ends] == [("leak", 100)]
        again = await revoke(one, "leak", campaign_id="usual")
        assert (again["vouchers"], again["swept_at"] is not None) == (1, True)
        assert await sweep(one) == 0


@pytest.mark.parametrize(
    ("which", "hit"),
    [
        ({"campaign_id": "usual"}, True),
        ({"campaign_id": "another"}, False),
        ({"store_id": "store-1"}, True),
        ({"store_id": "store-2"}, False),
        ({"campaign_id": "usual", "store_id": "store-2"}, False),
        ({"issued_from": NOW.isoformat()}, True),
        ({"issued_from": (NOW + timedelta(seconds=1)).isoformat()}, False),
        ({"campaign_id": "usual", "issued_until": NOW.isoformat()}, True),
        ({"campaign_id": "usual", "issued_until": (NOW - timedelta(seconds=1)).isoformat()}, False),
        ({"batch_id": "batch-1"}, False),
    ],
)
async def test_only_what_it_says_is_revoked(
    database: Database, tmp_path: Path, which: dict[str, Any], *, hit: bool
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        till.clock.move(timedelta(hours=1))
        await revoke(till, "leak", **which)
        await sweep(till)
        answer = await till.redeem(code, "r1")
        assert (answer["reason"] == "revoked", answer["status"] == "redeemed") == (hit, not hit)


async def test_a_checkout_that_was_under_way_is_covered_too(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await revoke(till, "leak", campaign_id="usual")
        code = (await till.checkout("decided at the same moment, committed later"))["vouchers"][0]["code"]
        assert await revocation_round(till.parts)() == 0, "the sweep waits for such ones"
        assert (await till.redeem(code, "r1"))["reason"] == "revoked"
        await sweep(till)
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}


async def test_what_is_issued_afterwards_is_good(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await revoke(till, "leak", campaign_id="usual")
        till.clock.move(timedelta(seconds=1))
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        await sweep(till)
        assert (await till.redeem(code, "r1"))["status"] == "redeemed"


async def test_a_redemption_that_is_taken_back_does_not_revive_what_was_revoked(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        assert (await till.redeem(code, "r1"))["status"] == "redeemed"
        await revoke(till, "leak", campaign_id="usual")
        await sweep(till)
        answer = (await till.client.post("/v1/redemptions/r1/rollback")).json()
        assert (answer["returned_cents"], answer["good_for_cents"]) == (100, 0)
        assert (await till.redeem(code, "r2"))["reason"] == "revoked"
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}
        assert await till.rows("SELECT state FROM vouchers") == [{"state": "revoked"}]


async def test_a_batch_of_many_is_revoked_step_by_step_and_nothing_beside_it(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=MANY * 100)])
    async with open_till(database, tmp_path) as till:
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            await tx.connection.exec_driver_sql(_FILL)
            await tx.connection.exec_driver_sql("UPDATE budgets SET reserved_cents = cap_cents")
        await revoke(till, "leak", batch_id="batch-1")
        steps = await sweep(till)
        assert steps == MANY // LOOKED_AT_TOGETHER + 1, "a transaction each, so that no till waits for the whole"
        assert await money(till) == {"reserved": MANY * 50, "spent": 0, "given": 0}
        states = await till.rows("SELECT batch_id, state, count(*)::int AS n FROM vouchers GROUP BY 1, 2 ORDER BY 1")
        assert states == [
            {"batch_id": "batch-0", "state": "issued", "n": MANY // 2},
            {"batch_id": "batch-1", "state": "revoked", "n": MANY // 2},
        ]
        assert (await till.client.get("/v1/revocations/leak")).json()["vouchers"] == MANY // 2


async def test_redeeming_while_it_is_revoked_is_before_or_after(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = [(await till.checkout(f"checkout-{n}"))["vouchers"][0] for n in range(20)]
        till.clock.move(timedelta(minutes=1))
        await asyncio.gather(
            revoke(till, "leak", campaign_id="usual"),
            *(till.redeem(voucher["code"], f"r{n}") for n, voucher in enumerate(vouchers)),
            sweep(till),
        )
        await sweep(till)
        won = await till.rows("SELECT count(*)::int AS n FROM redemptions WHERE status = 'redeemed'")
        ended = (await till.client.get("/v1/revocations/leak")).json()["vouchers"]
        assert won[0]["n"] + ended == 20
        assert await money(till) == {"reserved": 0, "spent": won[0]["n"] * 100, "given": won[0]["n"] * 100}


async def test_who_revoked_is_kept_and_only_who_may_can(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    key, credential = new_key("stranger", frozenset({"voucher:redeem", "campaigns:write"}))
    async with open_till(database, tmp_path, more_callers=[credential]) as till:
        await revoke(till, "leak", campaign_id="usual")
        (kept,) = (await till.client.get("/v1/revocations")).json()
        assert (kept["asked_by"], kept["reason"]) == ("till (till)", "seen on a coupon site")
        other = {"revocation_id": "leak", "campaign_id": "another", "reason": "seen on a coupon site"}
        problem = await till.client.post("/v1/revocations", json=other)
        assert (problem.status_code, problem.json()["title"]) == (409, "other-revocation")
        unknown = await till.client.get("/v1/revocations/ghost")
        assert (unknown.status_code, unknown.json()["title"]) == (404, "unknown-revocation")
        nothing = await till.client.post("/v1/revocations", json={"revocation_id": "all", "reason": "?"})
        assert nothing.status_code == 422, "nobody revokes everything by leaving everything out"
        ahead = {**other, "revocation_id": "ahead", "issued_until": (NOW + timedelta(days=1)).isoformat()}
        assert (await till.client.post("/v1/revocations", json=ahead)).status_code == 422
        forbidden = await till.client.post("/v1/revocations", json=other, headers={"X-Api-Key": key})
        assert (forbidden.status_code, forbidden.json()["title"]) == (403, "missing-scope")
