"""Laws of vouchers that are leased ahead: handed out without a database, in the books when there is one, and never twice."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.offers.bootstrap.leases import Leases
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.decisions.eligibility import holdout_ratio_of
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.leases.leased import PostgresLeases
from tests.support.limits import limit
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, card, customer_of
from tests.support.offers_running import CODES, Till, checkout_body, open_till, tell_world
from tests.support.offline_lanes import Lane, an_offline_campaign, keys_of
from tests.support.postgres import Database

DEADLINE_MS = 4_000
"""So that the quarter of it in which a lease is handed out is ample beside other tests."""
LIMITED = {"limits": [limit("store", "day", 100)]}
LEASED: dict[str, Any] = {"lease_vouchers": 6, "statement_seconds": 30.0, "greatest_deadline_ms": DEADLINE_MS}


@asynccontextmanager
async def leasing_till(database: Database, folder: Path, **changes: Any) -> AsyncIterator[tuple[Till, Leases]]:
    """A door with its leases in hand, which looks after them only when it is told to."""
    async with open_till(database, folder, **(LEASED | {"lease_folder": folder / "leases"} | changes)) as till:
        leases = till.door.leases
        assert leases is not None
        leases.loop.stop()
        leases.keeper.fit_seconds = 0.0
        till.door.doors.desk.ladder.standby_seconds = DEADLINE_MS / 1000  # a quarter of what is left at most
        await asyncio.sleep(0.05)  # noqa: TID251 - the round under way ends
        await settled(leases)
        yield till, leases


async def settled(leases: Leases) -> None:
    """The round that binds, and the one that finds nothing to bind."""
    while await leases.keeper.look():
        pass


@asynccontextmanager
async def locked(till: Till, what: str = "LOCK TABLE decisions, vouchers") -> AsyncIterator[None]:
    """Somebody else has the tables, so that no checkout is answered from the database."""
    async with till.transaction() as (tx, _):
        await tx.connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        await tx.connection.exec_driver_sql(what)
        yield


async def asked(till: Till, checkout_id: str, **changes: Any) -> dict[str, Any]:
    return await till.checkout(checkout_id, deadline_ms=DEADLINE_MS, **changes)


async def refused(till: Till, checkout_id: str) -> None:
    """Another question under an id that was answered."""
    body = checkout_body(checkout_id, deadline_ms=DEADLINE_MS, receipt_id="another")
    answer = await till.client.post("/v1/checkouts", json=body)
    assert (answer.status_code, answer.json()["title"]) == (422, "other-request")


async def reserved(till: Till) -> int:
    return int((await till.rows("SELECT sum(reserved_cents)::int AS cents FROM budgets"))[0]["cents"])


async def states(till: Till) -> dict[str, int]:
    rows = await till.rows("SELECT state, count(*) FROM vouchers GROUP BY state")
    return {row["state"]: row["count"] for row in rows}


async def test_without_a_database_a_leased_voucher_is_handed_out_and_is_the_same_afterwards(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        before = await reserved(till)
        assert (before, await states(till)) == (600, {"leased": 6}), "as much is reserved as may be handed out"
        async with locked(till):
            answer = await asked(till, "c1")
            assert (answer["tier"], answer["reason"]) == (2, "deadline")
            assert answer["vouchers"][0]["code"] in answer["receipt"]["text"]
            assert await asked(till, "c1") == answer, "asked again it is the same, while there is no database"
            await refused(till, "c1")
        assert await asked(till, "c1") == answer, "and before the database knows it"
        await leases.keeper.look()
        assert leases.journal.waiting == {}
        assert await asked(till, "c1") == answer, "and afterwards, from the database"
        await refused(till, "c1")
        assert await reserved(till) == before, "what was leased was reserved already"
        rows = await till.rows("SELECT * FROM vouchers WHERE state = 'issued'")
        assert [(row["checkout_id"], row["slot"], row["tier"], row["leased_by"]) for row in rows] == [
            ("c1", 1, 2, None)
        ]
        assert rows[0]["expires_at"].isoformat() == answer["vouchers"][0]["expires_at"].replace("Z", "+00:00")
        told = await till.rows(
            "SELECT count(*) FROM outbox WHERE topic IN ('offers.vouchers.v1', 'offers.decisions.v1')"
        )
        assert told == [{"count": 2}]
        await leases.keeper.look()
        assert await states(till) == {"issued": 1, "leased": 6}, "the pool is filled up again"
        assert (await till.redeem(answer["vouchers"][0]["code"], "r1"))["status"] == "redeemed"


async def test_a_commit_that_was_given_up_and_happened_all_the_same_is_void(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        before = await reserved(till)
        async with locked(till, "SELECT FROM budgets FOR UPDATE"):
            answer = await asked(till, "c1", slots=2)
            assert answer["tier"] == 2
        assert await found(till, "c1", tier=0), "it has happened"
        await settled(leases)
        assert await states(till) == {"void": 2, "issued": 2, "leased": 6}
        assert await reserved(till) == before + 200, "the budget of what nobody was told of is free again"
        rows = await till.rows("SELECT slot, tier FROM vouchers WHERE checkout_id = 'c1' ORDER BY slot")
        assert rows == [{"slot": 1, "tier": 2}, {"slot": 2, "tier": 2}], "one row per slot: what the till printed"
        assert await asked(till, "c1", slots=2) == answer
        revoked = await till.rows(
            "SELECT convert_from(value, 'utf8') AS value FROM outbox WHERE topic = 'offers.vouchers.v1'"
        )
        assert sum("void:" in row["value"] for row in revoked) == 2, "who heard of them hears that they are out"
        for number, voucher in enumerate(answer["vouchers"]):
            assert (await till.redeem(voucher["code"], f"r{number}"))["status"] == "redeemed"


async def found(till: Till, checkout_id: str, *, tier: int) -> bool:
    """Wait until the statement that was given up has committed."""
    async with asyncio.timeout(30):
        query = f"SELECT 1 FROM decisions WHERE checkout_id = '{checkout_id}' AND tier = {tier}"  # noqa: S608 - a test's own
        while not await till.rows(query):
            pass
    return True


async def test_an_answer_that_was_told_before_the_outage_stays_good_beside_the_leased_one(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        first = await asked(till, "c1")
        assert first["tier"] == 0
        async with locked(till):
            second = await asked(till, "c1")
            assert second["tier"] == 2, "this process does not remember what it has told"
        await settled(leases)
        assert await asked(till, "c1") == first
        for number, answer in enumerate((first, second)):
            redeemed = await till.redeem(answer["vouchers"][0]["code"], f"r{number}")
            assert redeemed["status"] == "redeemed", "no paper is refused"
        slots = await till.rows("SELECT slot FROM vouchers WHERE checkout_id = 'c1' ORDER BY slot")
        assert slots == [{"slot": 1}, {"slot": 4}], "above all that an answer has"


async def test_a_leased_voucher_never_stands_in_the_slot_of_one_that_the_budget_refused(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=750)], customers=[a_snapshot()])
    async with leasing_till(database, tmp_path, lease_cap_ratio=0.8) as (till, leases):
        first = await asked(till, "c1", slots=2)
        assert (first["tier"], len(first["vouchers"])) == (0, 1), "one was within the budget"
        async with locked(till):
            second = await asked(till, "c1", slots=2)
            assert (second["tier"], len(second["vouchers"])) == (2, 2)
        await settled(leases)
        assert await asked(till, "c1", slots=2) == first, "nobody prints a code that was never issued"
        for number, voucher in enumerate([*first["vouchers"], *second["vouchers"]]):
            assert (await till.redeem(voucher["code"], f"r{number}"))["status"] == "redeemed"


async def test_a_leased_voucher_is_redeemed_before_its_checkout_is_in_the_books(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        async with locked(till):
            answer = await asked(till, "c1")
        code = answer["vouchers"][0]["code"]
        assert (await till.redeem(code, "r1"))["status"] == "redeemed"
        assert (await till.redeem(code, "r2"))["reason"] == "already-redeemed"
        await settled(leases)
        rows = await till.rows("SELECT state, slot FROM vouchers WHERE checkout_id = 'c1'")
        assert rows == [{"state": "redeemed", "slot": 1}]
        assert await asked(till, "c1") == answer


async def test_what_was_handed_out_survives_the_process(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        async with locked(till):
            answers = {name: await asked(till, name) for name in ("c1", "c2")}
        pod_id = leases.journal.pod_id
    async with open_till(database, tmp_path, **LEASED, lease_folder=tmp_path / "leases") as till:
        again = till.door.leases
        assert again is not None
        assert again.journal.pod_id == pod_id
        for name, answer in answers.items():
            assert await asked(till, name) == answer
        async with asyncio.timeout(30):
            while again.journal.waiting or len(again.standby.pool) < 6:  # noqa: ASYNC110 - looked at
                await asyncio.sleep(0.05)  # noqa: TID251 - it works by itself
        for name, answer in answers.items():
            assert await asked(till, name) == answer
        assert await states(till) == {"issued": 2, "leased": 6}
        free = {lease.voucher_id for lease in again.standby.pool}
        assert free.isdisjoint(answer["vouchers"][0]["voucher_id"] for answer in answers.values())


async def test_a_checkout_that_is_asked_twice_at_a_time_has_one_answer(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        async with locked(till):
            first, second = await asyncio.gather(*(asked(till, "c1") for _ in range(2)))
            assert (first["tier"], second) == (2, first)
            assert await asked(till, "c1") == first
        leases.standby.pool.whole = False
        await settled(leases)
        assert await states(till) == {"issued": 1, "leased": 6}
        printed = first["vouchers"][0]["voucher_id"]
        assert printed not in {lease.voucher_id for lease in leases.standby.pool}, "nobody else is given it"


async def test_an_empty_pool_answers_tier_3(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path, lease_vouchers=2) as (till, _), locked(till):
        answers = await asyncio.gather(*(asked(till, f"c{number}") for number in range(4)))
        assert sorted(answer["tier"] for answer in answers) == [2, 2, 3, 3]
        codes = [voucher["code"] for answer in answers for voucher in answer["vouchers"]]
        assert len(set(codes)) == 2


@pytest.mark.parametrize(
    "changes",
    [{"holdout_ratio": 1.0}, {"tiers": [0]}, {"ends_at": NOW}, LIMITED, {"stores": {"store-1": {"active": False}}}],
    ids=["held out", "personal only", "over", "limited", "not in this store"],
)
async def test_whoever_may_not_get_a_campaign_does_not_get_it_from_leases(
    database: Database, tmp_path: Path, changes: dict[str, Any]
) -> None:
    await tell_world(database, campaigns=[a_campaign(**changes)], customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, _), locked(till):
        assert (await asked(till, "c1"))["tier"] == 3


async def test_who_is_held_out_is_so_without_a_database_too(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(holdout_ratio=0.5)])
    async with leasing_till(database, tmp_path, lease_vouchers=20) as (till, _), locked(till):
        answers = await asyncio.gather(
            *(asked(till, f"c{number}", customer=card(number).model_dump(mode="json")) for number in range(16))
        )
    held_out = [holdout_ratio_of(customer_of(number)) < 0.5 for number in range(16)]
    assert {True, False} == set(held_out)
    assert [answer["tier"] == 3 for answer in answers] == held_out


async def test_what_the_disk_may_have_is_handed_to_nobody_else(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, leases):
        before = {lease.voucher_id for lease in leases.standby.pool}
        async with locked(till):
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", _fails)
                assert (await asked(till, "c1"))["tier"] == 3
        (doubtful,) = before - {lease.voucher_id for lease in leases.standby.pool}
        await settled(leases)
        assert doubtful not in {lease.voucher_id for lease in leases.standby.pool}
        assert (await states(till))["leased"] >= 6, "its money stays reserved"


def _fails(*_arguments: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


async def test_leases_stay_within_their_share_of_the_cap_and_go_back_when_nobody_needs_them(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=30_000)], customers=[a_snapshot()])
    async with leasing_till(database, tmp_path, lease_vouchers=1_000) as (till, leases):
        assert await reserved(till) == 300, "one percent of the cap"
        await put(till, a_campaign(cap_cents=30_000, tiers=[0]))
        await settled(leases)
        assert (await reserved(till), await states(till)) == (0, {"void": 3})
        await put(till, a_campaign(cap_cents=30_000, percent=20), version=3)
        await settled(leases)
        assert {lease.terms.percent for lease in leases.standby.pool} == {20}


async def put(till: Till, campaign: Campaign, *, version: int = 2) -> None:
    async with till.transaction() as (tx, _):
        await PostgresCampaigns(tx).put(campaign, version, "test")
    await till.door.keeper.refresh()


async def test_what_lanes_are_lent_is_not_leased_too(database: Database, tmp_path: Path) -> None:
    campaign = an_offline_campaign(cap_cents=650)
    await tell_world(database, campaigns=[campaign])
    async with leasing_till(database, tmp_path, lease_vouchers=2, lease_cap_ratio=1.0) as (till, leases):
        assert await states(till) == {"leased": 2}
        for terminal in ("lane-1", "lane-2", "lane-3", "lane-4"):
            await Lane(tmp_path, till, await keys_of(till), terminal, "store-1").lend()
        leases.keeper.limits = replace(leases.keeper.limits, vouchers=6)
        await settled(leases)
        assert await states(till) == {"leased": 2}, "of 650 cents 200 are leased and 400 lent"


async def test_money_that_lanes_hold_is_leased_to_no_process_and_holds_up_no_other_campaign(
    database: Database, tmp_path: Path
) -> None:
    offline = {"accept_up_to_cents": 60, "lane_cents": 9_750, "chain_cents": 9_750}
    lent = an_offline_campaign(cap_cents=10_000, offline=offline)
    await tell_world(database, campaigns=[lent, a_campaign("z-other")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        lease = {"lease_id": "lane", "store_id": "store-1", "terminal_id": "1", "campaign_ids": ["usual"]}
        answer = await till.client.post("/v1/leases", json=lease)
        assert [each["granted_cents"] for each in answer.json()["campaigns"]] == [9_750]
    async with leasing_till(database, tmp_path, lease_cap_ratio=0.1) as (till, _):
        rows = await till.rows("SELECT campaign_id, count(*) FROM vouchers GROUP BY 1 ORDER BY 1")
        assert rows == [{"campaign_id": "usual", "count": 2}, {"campaign_id": "z-other", "count": 6}]


async def test_a_lease_lasts_as_long_as_somebody_looks_after_it(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path, lease_hours=2.0) as (till, leases):
        first = {lease.voucher_id for lease in leases.standby.pool}
        till.clock.move(timedelta(hours=1.5))
        await settled(leases)
        assert {lease.voucher_id for lease in leases.standby.pool} == first
        rows = await till.rows("SELECT DISTINCT leased_until FROM vouchers")
        assert [row["leased_until"] for row in rows] == [NOW + timedelta(hours=3.5)]
        till.clock.move(timedelta(hours=2.5))
        async with locked(till):
            assert (await asked(till, "late"))["tier"] == 3, "nobody has looked after them for longer than they last"


async def test_leases_of_a_process_that_never_came_back_end_with_their_validity(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, _):
        ends_at = max(row["expires_at"] for row in await till.rows("SELECT expires_at FROM vouchers"))
        for at, left in ((ends_at - timedelta(seconds=1), 600), (ends_at, 0)):
            async with till.transaction() as (tx, _):
                await PostgresLeases(tx).expire(at, 1_000)
            assert await reserved(till) == left


async def test_a_lease_that_came_to_nothing_is_found_again(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (_till, leases):
        pool = leases.standby.pool
        lost = next(iter(pool))
        assert pool.withdraw(lambda lease: lease == lost) == [lost]
        pool.whole = False
        await settled(leases)
        assert sorted(lease.voucher_id for lease in pool).count(lost.voucher_id) == 1
        assert len(pool) == 6


async def test_numbers_and_codes_of_leases_are_those_of_any_voucher(database: Database, tmp_path: Path) -> None:
    campaign = a_campaign(numbered={"kind": "ean13", "prefix": "20"})
    await tell_world(database, campaigns=[campaign], customers=[a_snapshot()])
    async with leasing_till(database, tmp_path) as (till, _):
        async with locked(till):
            voucher = (await asked(till, "c1"))["vouchers"][0]
        assert voucher["code"] == CODES.code_of(voucher["voucher_id"])
        assert (await till.redeem(voucher["number"]["digits"], "r1"))["status"] == "redeemed"
