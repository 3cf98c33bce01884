"""Laws of batches: every code there once, every reserve in the books, whatever stops or kills the making."""

import asyncio
import contextlib
import csv
import io
import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from libs.common.http.credentials import new_key
from services.offers.bootstrap.batches import batch_round
from services.offers.bootstrap.rounds import expiry_round, revocation_round
from services.offers.domain import batches as batch_rules
from services.offers.store.codes import ensure_code_key
from tests.support.offers_facts import NOW, a_campaign
from tests.support.offers_running import CODES, Till, open_till, tell_world
from tests.support.offline_lanes import LANE_CENTS, Lane, an_offline_campaign, keys_of
from tests.support.postgres import Database

VALUE = 100
LINES = [{"line_no": 1, "item_id": "milk-1", "quantity": "1", "amount_cents": 2_500}]
BATCH = {"batch_id": "spring", "campaign_id": "usual", "last_day": "2026-03-31", "time_zone": "Europe/Berlin"}
LEAK = {"revocation_id": "leak", "batch_id": "spring", "reason": "seen on a coupon site"}


async def asked(till: Till, path: str, body: dict[str, Any], status: int = 202) -> dict[str, Any]:
    answer = await till.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def made(till: Till, together: int = 100) -> int:
    """Let a worker make all that is asked for; returns the steps."""
    steps, step = 0, batch_round(till.parts, together)
    while await step():
        steps += 1
    return steps


async def known(till: Till, batch_id: str = "spring") -> dict[str, Any]:
    return dict((await till.client.get(f"/v1/batches/{batch_id}")).json())


async def exported(till: Till, batch_id: str = "spring") -> list[dict[str, str]]:
    answer = await till.client.get(f"/v1/batches/{batch_id}/codes")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def money(till: Till) -> Mapping[str, Any]:
    (row,) = await till.rows(
        """SELECT reserved_cents, spent_cents, (SELECT count(*) FROM vouchers) AS vouchers,
                  (SELECT coalesce(sum(reserved_cents), 0)::bigint FROM vouchers) AS held FROM budgets"""
    )
    return row


async def with_key(till: Till) -> None:
    async with till.parts.transactions.begin() as tx:
        await ensure_code_key(tx, CODES.secret)


async def test_a_batch_is_made_chunk_by_chunk_each_code_once_and_every_reserve_in_the_books(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        assert (await asked(till, "/v1/batches", BATCH | {"codes": 250}))["state"] == "running"
        assert await made(till) == 4, "three chunks, and a look that all is there"
        found = await known(till)
        assert (found["state"], found["codes"], found["made"], found["errors"]) == ("done", 250, 250, [])
        assert await money(till) == {"reserved_cents": 25_000, "spent_cents": 0, "vouchers": 250, "held": 25_000}
        codes = await exported(till)
        assert len({each["code"] for each in codes}) == len(codes) == 250
        transfers = await till.rows("SELECT move, amount_cents, cause_id FROM journal WHERE move = 'issue'")
        assert [(row["amount_cents"], row["cause_id"]) for row in transfers] == [
            (10_000, "spring"),
            (10_000, "spring"),
            (5_000, "spring"),
        ]
        redeemed = await till.redeem(codes[249]["code"], "r1", lines=LINES)
        assert (redeemed["status"], redeemed["given_cents"]) == ("redeemed", VALUE)
        assert (await till.redeem(codes[249]["code"], "r2", lines=LINES))["reason"] == "already-redeemed"
        assert (await asked(till, "/v1/batches", BATCH | {"codes": 250}))["made"] == 250, (
            "the same again changes nothing"
        )
        await asked(till, "/v1/batches", BATCH | {"codes": 251}, 409)


async def test_a_batch_lasts_to_the_end_of_its_last_day_in_its_own_zone(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        found = await asked(till, "/v1/batches", BATCH | {"codes": 2})
        assert found["expires_at"] == "2026-03-31T22:00:00Z", "summer time began on the 29th"
        await made(till)
        codes = await exported(till)
        till.clock.move(timedelta(days=21, hours=7) - timedelta(seconds=1))
        assert (await till.redeem(codes[0]["code"], "r1", lines=LINES))["status"] == "redeemed"
        till.clock.move(timedelta(seconds=1))
        assert (await till.redeem(codes[1]["code"], "r2", lines=LINES))["reason"] == "expired"
        await expiry_round(till.parts)()
        assert (await money(till))["reserved_cents"] == 0


async def test_workers_that_are_killed_leave_no_double_and_no_gap(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=10**9)])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 12_000})
        await until_killed(till, database, 1_000)
        row = await money(till)
        assert row["reserved_cents"] == row["held"] == row["vouchers"] * VALUE
        assert 1_000 <= row["vouchers"] == (await known(till))["made"] < 12_000
        await made(till, 10_000)
        assert (await known(till))["made"] == (await money(till))["vouchers"] == 12_000
        assert len({each["code"] for each in await exported(till)}) == 12_000


async def until_killed(till: Till, database: Database, kill_at: int) -> None:
    """Two workers make vouchers, 250 at a time, until there are so many; then both are killed, wherever they are."""
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.batch_worker", database.url("offers"), "250"
        )
        for _ in range(2)
    ]
    while (await known(till))["made"] < kill_at:
        assert [worker.returncode for worker in workers] == [None, None]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
    for worker in workers:
        worker.kill()
        await worker.wait()


async def test_a_budget_that_is_used_up_stops_a_batch_and_a_greater_one_lets_it_go_on(
    database: Database, tmp_path: Path
) -> None:
    campaign = a_campaign(cap_cents=VALUE * 150 + 99)
    await tell_world(database, campaigns=[campaign])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 400})
        await made(till)
        found = await known(till)
        assert (found["state"], found["reason"], found["made"]) == ("stopped", "budget-exhausted", 150)
        assert await money(till) == {"reserved_cents": 15_000, "spent_cents": 0, "vouchers": 150, "held": 15_000}
        raised = campaign.model_copy(update={"cap_cents": VALUE * 1_000})
        await till.client.put("/v1/campaigns/usual", json=raised.model_dump(mode="json"))
        assert (await asked(till, "/v1/batches", BATCH | {"codes": 400}))["state"] == "running"
        await made(till)
        assert (await known(till))["state"] == "done"
        assert len({each["code"] for each in await exported(till)}) == 400


async def test_what_lanes_are_lent_is_left_to_them_and_no_other_batch_waits_for_it(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[an_offline_campaign(cap_cents=1_000), a_campaign("other")])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        lent = await Lane(tmp_path, till, await keys_of(till), "lane-1", "store-1").lend()
        assert lent["campaigns"][0]["granted_cents"] == LANE_CENTS
        await asked(till, "/v1/batches", BATCH | {"codes": 10})
        await asked(till, "/v1/batches", BATCH | {"batch_id": "behind", "campaign_id": "other", "codes": 10})
        await made(till)
        found = await known(till)
        assert (found["state"], found["reason"], found["made"]) == ("stopped", "budget-exhausted", 9)
        assert (await known(till, "behind"))["state"] == "done"


@pytest.mark.parametrize(("scope", "named"), [("campaign", {"entity_id": "usual"}), ("chain", {})])
async def test_a_batch_rests_while_a_brake_stops_its_campaign(
    database: Database, tmp_path: Path, scope: str, named: dict[str, str]
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 300})
        assert await batch_round(till.parts, 100)() == 1
        brake = {"brake_id": "stop", "scope": scope, "reason": "a wrong price"} | named
        await asked(till, "/v1/brakes", brake, 200)
        assert await made(till) == 0
        assert ((await known(till))["state"], (await known(till))["made"]) == ("running", 100)
        await asked(till, "/v1/brakes/stop/release", {"reason": "mended"}, 200)
        await made(till)
        assert ((await known(till))["state"], (await known(till))["made"]) == ("done", 300)


async def test_a_code_that_is_there_already_is_made_under_the_next_number(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        taken = CODES.lookup_of(CODES.code_of(batch_rules.voucher_id_of("spring", 5)))
        await asked(till, "/v1/batches", BATCH | {"batch_id": "other", "codes": 1})
        await made(till)
        async with till.parts.transactions.begin() as tx:
            await tx.connection.exec_driver_sql("UPDATE vouchers SET code_lookup = $1", (taken,))
        await asked(till, "/v1/batches", BATCH | {"codes": 120})
        await made(till)
        codes = await exported(till)
        assert len(codes) == 120
        assert [codes[3]["voucher_id"], codes[4]["voucher_id"], codes[-1]["voucher_id"]] == [
            "spring.0.000000004",
            "spring.0.000000006",
            "spring.0.000000121",
        ]
        assert (await money(till))["reserved_cents"] == 121 * VALUE


async def test_cancelling_makes_no_more_and_frees_what_was_not_used(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 1_000})
        step = batch_round(till.parts, 100)
        assert [await step(), await step()] == [1, 1]
        codes = await exported(till)
        await till.redeem(codes[0]["code"], "r1", lines=LINES)
        cancelled = await asked(till, "/v1/batches/spring/cancel", {"reason": "wrong campaign"}, 200)
        assert (cancelled["state"], cancelled["reason"], cancelled["made"]) == ("cancelled", "wrong campaign", 200)
        assert (await till.redeem(codes[1]["code"], "r2", lines=LINES))["reason"] == "revoked"
        assert await made(till) == 0
        await swept(till)
        assert await money(till) == {"reserved_cents": 0, "spent_cents": VALUE, "vouchers": 200, "held": 0}
        again = await asked(till, "/v1/batches/spring/cancel", {"reason": "wrong campaign"}, 200)
        assert again == cancelled


async def swept(till: Till) -> None:
    till.clock.move(timedelta(minutes=1))
    step = revocation_round(till.parts)
    while await step():
        pass


async def test_a_leaked_batch_is_refused_from_the_answer_on_and_ended_within_the_minute(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=10**9)])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 20_000})
        await asked(till, "/v1/batches", BATCH | {"batch_id": "kept", "codes": 10})
        await made(till, 10_000)
        (code, *_), kept = await exported(till), await exported(till, "kept")
        before_seconds = till.parts.clock.monotonic_seconds()
        await asked(till, "/v1/revocations", LEAK, 200)
        assert (await till.redeem(code["code"], "r1", lines=LINES))["reason"] == "revoked"
        await swept(till)
        assert till.parts.clock.monotonic_seconds() - before_seconds < 60
        assert (await money(till))["reserved_cents"] == 10 * VALUE
        assert (await till.redeem(kept[0]["code"], "r2", lines=LINES))["status"] == "redeemed"


async def test_a_batch_that_leaks_while_it_is_made_is_made_no_further(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 1_000})
        await batch_round(till.parts, 100)()
        await asked(till, "/v1/revocations", LEAK, 200)
        await made(till)
        found = await known(till)
        assert (found["state"], found["reason"], found["made"]) == ("cancelled", "revoked", 100)
        await swept(till)
        assert (await money(till))["reserved_cents"] == 0


OLD = [f"SPRING-{number:04d}-X" for number in range(1, 251)]


async def imported(till: Till, text: bytes, status: int = 202, **query: Any) -> dict[str, Any]:
    answer = await till.client.post("/v1/batches/old/codes", content=text, params=query)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def test_codes_of_another_system_are_good_like_ours_and_kept_as_hashes_alone(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(legacy_codes=True)])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        ours = CODES.code_of("somebody else's")
        assert (await asked(till, "/v1/batches", BATCH | {"batch_id": "old"}))["state"] == "receiving"
        lines = [*OLD, "", "spring-0007-x", "SUMMER", "x" * 70, "gratis frei", "höhö123", f'"{ours}";5.00']
        text = "\ufeff" + "\r\n".join(lines)
        assert (await imported(till, text.encode() + b"\n\xff\xfe12345"))["state"] == "running"
        await made(till)
        found = await known(till, "old")
        assert (found["state"], found["codes"], found["made"], found["quarantined"]) == ("done", 251, 251, 6)
        assert [(bad["line_no"], bad["reason"]) for bad in found["errors"]] == [
            (252, "duplicate"),
            (253, "guessable"),
            (254, "too-long"),
            (255, "guessable"),
            (256, "not-a-code"),
            (258, "not-a-code"),
        ]
        assert (await money(till))["reserved_cents"] == 251 * VALUE
        for number, code in enumerate(("SPRING-0001-X", " spring 0002x ", ours)):
            assert (await till.redeem(code, f"r{number}", lines=LINES))["status"] == "redeemed"
        assert (await till.redeem("SPRING-9999-X", "r9", lines=LINES))["reason"] == "unknown-code"
        misses = await till.rows("SELECT misses FROM code_misses")
        assert {row["misses"] for row in misses} == {1}, "it might have been a code, so it was a guess"
        everything = await till.rows(
            "SELECT row_to_json(batches)::text || row_to_json(vouchers)::text AS all FROM batches, vouchers"
        )
        assert not any("SPRING" in row["all"] for row in everything)
        assert await till.rows("SELECT * FROM batch_lines") == []
        assert (await till.client.get("/v1/batches/old/codes")).status_code == 409
        assert (await imported(till, text.encode() + b"\n\xff\xfe12345"))["made"] == 251, "the same body again"
        await imported(till, b"SPRING-0251-X", 409)


async def test_an_import_comes_in_parts_and_a_part_again_takes_the_place_of_itself(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(legacy_codes=True)])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"batch_id": "old"})
        await imported(till, "\n".join(OLD[:150]).encode(), part=1, last="false")
        assert await made(till) == 0, "not all is there"
        await imported(till, "\n".join([*OLD[:120], "bad"]).encode(), part=1, last="false")
        await imported(till, "\n".join(OLD[100:200]).encode(), part=2)
        await made(till)
        found = await known(till, "old")
        assert (found["made"], found["quarantined"]) == (200, 21)
        assert [(bad["part"], bad["line_no"]) for bad in found["errors"]] == [
            (1, 121),
            *((2, number) for number in range(1, 21)),
        ]


async def test_a_caller_that_leaves_in_the_middle_of_a_body_leaves_nothing_that_counts(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(legacy_codes=True)])

    async def cut() -> Any:
        yield "\n".join(OLD).encode()
        raise ClientDisconnect

    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"batch_id": "old"})
        left = await till.client.post("/v1/batches/old/codes", content=cut())
        assert left.json()["title"] == "caller-left"
        assert (await known(till, "old"))["state"] == "receiving"
        await imported(till, "\n".join(OLD[:3]).encode())
        await made(till)
        assert (await known(till, "old"))["made"] == 3


async def test_what_comes_in_after_an_import_was_cancelled_is_not_kept(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(legacy_codes=True)])
    many = [f"LATE{number:07}".encode() for number in range(2 * batch_rules.CHUNK)]
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"batch_id": "old"})

        async def pieces() -> Any:
            yield b"\n".join(many) + b"\n"
            assert len(await till.rows("SELECT chunk FROM batch_lines")) == 2
            await asked(till, "/v1/batches/old/cancel", {"reason": "wrong list"}, 200)
            yield b"\n".join(each + b"Z" for each in many)

        late = await till.client.post("/v1/batches/old/codes", content=pieces())
        assert (late.status_code, late.json()["title"]) == (409, "batch-closed")
        assert await till.rows("SELECT chunk FROM batch_lines") == []


async def test_what_is_lent_to_lanes_is_in_no_batch_and_stops_it_like_money_that_is_spent(
    database: Database, tmp_path: Path
) -> None:
    offline = {"accept_up_to_cents": 60, "lane_cents": 5_000, "chain_cents": 5_000}
    await tell_world(database, campaigns=[an_offline_campaign(cap_cents=20_000, offline=offline)])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        lease = {"lease_id": "lane", "store_id": "store-1", "terminal_id": "1"}
        assert (await till.client.post("/v1/leases", json=lease)).status_code == 200
        await asked(till, "/v1/batches", BATCH | {"codes": 250})
        await made(till)
        found = await known(till)
        assert (found["state"], found["reason"], found["made"]) == ("stopped", "budget-exhausted", 150)


async def test_an_import_that_the_budget_cannot_bear_stops_at_the_line_and_goes_on_from_it(
    database: Database, tmp_path: Path
) -> None:
    campaign = a_campaign(legacy_codes=True, cap_cents=VALUE * 130)
    await tell_world(database, campaigns=[campaign])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        old = BATCH | {"batch_id": "old"}
        await asked(till, "/v1/batches", old)
        await imported(till, "\n".join(OLD).encode())
        await made(till)
        found = await known(till, "old")
        assert (found["state"], found["reason"], found["made"]) == ("stopped", "budget-exhausted", 130)
        raised = campaign.model_copy(update={"cap_cents": VALUE * 1_000})
        await till.client.put("/v1/campaigns/usual", json=raised.model_dump(mode="json"))
        await asked(till, "/v1/batches", old)
        await made(till)
        assert (await known(till, "old"))["made"] == 250
        for number in (129, 130, 249):
            assert (await till.redeem(OLD[number], f"r{number}", lines=LINES))["status"] == "redeemed"


@pytest.mark.parametrize(
    ("campaign", "body", "status"),
    [
        ({}, {"codes": 1, "last_day": "2026-03-09"}, 422),
        ({}, {"codes": 1, "last_day": "2026-07-01"}, 422),
        ({}, {"codes": 1, "time_zone": "Mars/Olympus"}, 422),
        ({}, {"codes": 1, "campaign_id": "nobody's"}, 404),
        ({}, {"codes": None}, 422),
        ({}, {"codes": 0}, 422),
        ({}, {"codes": 1, "batch_id": "a.b"}, 422),
        ({"categories": ["milk", "bread"]}, {"codes": 1}, 422),
        ({"limits": [{"per": "store", "period": "day", "measure": "count", "most": 5}]}, {"codes": 1}, 422),
        ({"stores": {"store-2": {"active": False}}}, {"codes": 1, "store_id": "store-2"}, 422),
    ],
)
async def test_what_a_campaign_does_not_allow_no_batch_does(
    database: Database, tmp_path: Path, campaign: dict[str, Any], body: dict[str, Any], status: int
) -> None:
    await tell_world(database, campaigns=[a_campaign(**campaign)])
    async with open_till(database, tmp_path) as till:
        await asked(till, "/v1/batches", BATCH | body, status)
        assert await till.rows("SELECT batch_id FROM batches") == []


async def test_only_a_key_with_the_right_to_codes_exports_them(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    key, office = new_key("office", frozenset({"batches:write"}))
    async with open_till(database, tmp_path, more_callers=[office]) as till:
        await asked(till, "/v1/batches", BATCH | {"codes": 1})
        as_office = {"X-Api-Key": key}
        assert (await till.client.get("/v1/batches/spring", headers=as_office)).status_code == 200
        assert (await till.client.get("/v1/batches/spring/codes", headers=as_office)).status_code == 403


async def test_numbers_of_a_numbered_campaign_are_good_and_exported(database: Database, tmp_path: Path) -> None:
    campaign = a_campaign(numbered={"kind": "gcn", "prefix": "401234512345"})
    await tell_world(database, campaigns=[campaign])
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 3})
        await made(till)
        number = (await exported(till))[1]["number"]
        assert (await till.redeem(f"(255){number}", "r1", lines=LINES))["status"] == "redeemed"


async def test_events_of_a_batchs_vouchers_are_whole(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await with_key(till)
        await asked(till, "/v1/batches", BATCH | {"codes": 1, "store_id": "store-2"})
        await made(till)
        (code,) = await exported(till)
        await till.redeem(code["code"], "r1", lines=LINES)
        told = await till.rows("SELECT convert_from(value, 'UTF8') AS value FROM outbox")
        facts = [json.loads(row["value"]) for row in told]
        assert [(fact["voucher_id"], fact["store_id"], fact["given_cents"]) for fact in facts] == [
            ("spring.0.000000001", "store-2", VALUE)
        ]


def test_the_moment_of_the_world_is_before_summer_time() -> None:
    assert NOW.isoformat() == "2026-03-10T15:00:00+00:00"
