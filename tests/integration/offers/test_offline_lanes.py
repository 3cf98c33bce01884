"""Laws of lanes without a network: bounded by what was shown, nothing redeemed twice in the books, every conflict listed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.offers_facts import NOW, a_snapshot
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.offline_lanes import LANE_CENTS, Lane, an_offline_campaign, keys_of
from tests.support.postgres import Database

HOUR = timedelta(hours=1)


async def told(database: Database, **changes: Any) -> None:
    await tell_world(database, campaigns=[an_offline_campaign(**changes)], customers=[a_snapshot()])


async def lane_of(till: Till, folder: Path, terminal_id: str = "lane-1", store_id: str = "store-1") -> Lane:
    return Lane(folder, till, await keys_of(till), terminal_id, store_id)


async def printed(till: Till, checkout_id: str) -> dict[str, Any]:
    return dict((await till.checkout(checkout_id))["vouchers"][0])


async def balances(till: Till) -> dict[str, int]:
    return dict((await till.client.get("/v1/ledger/usual")).json()["balances_cents"])


async def worst_case(till: Till) -> int:
    exposure = (await till.client.get("/v1/exposure")).json()
    sums = {sum(part["worst_case_cents"] for part in exposure[kind]) for kind in exposure}
    assert len(sums) == 1, "the parts, the campaigns, the stores and the chain say the same"
    return int(sums.pop())


async def conflicts(till: Till) -> list[dict[str, Any]]:
    return list((await till.client.get("/v1/conflicts")).json()["conflicts"])


async def test_a_lease_moves_money_and_its_end_moves_back_what_is_left(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane = await lane_of(till, tmp_path)
        lease = await lane.lend(seconds=3600)
        assert [each["granted_cents"] for each in lease["campaigns"]] == [LANE_CENTS]
        assert (await balances(till))["leased"] == await worst_case(till) == LANE_CENTS
        assert await lane.lend(seconds=3600) == lease, "the same again is the same lease"
        other = {"lease_id": lane.lease_id, "store_id": "store-1", "terminal_id": "lane-2"}
        refused = await till.client.post("/v1/leases", json=other)
        assert (refused.status_code, refused.json()["title"]) == (422, "other-request")
        assert [each["lease_id"] for each in (await till.client.get("/v1/leases")).json()] == [lane.lease_id]
        assert await lane.end() == await lane.end() == 200
        assert (await balances(till))["leased"] == await worst_case(till) == 0
        moves = [row["move"] for row in await till.rows("SELECT move FROM journal ORDER BY number")]
        assert moves == ["fund", "lease", "lease_end"]


async def test_a_voucher_that_one_lane_took_is_redeemed_by_its_own_reserve(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "k1")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        entry = lane.accept(voucher, 250, 130, at=NOW + HOUR)
        assert sum(line["discount_cents"] for line in entry["lines"]) == 38
        till.clock.move(2 * HOUR)
        (outcome,) = await lane.reconcile()
        assert (outcome["status"], outcome["reason"], outcome["from_lease_cents"]) == ("redeemed", "redeemed", 0)
        assert await balances(till) == {
            "funder": -1_000_000,
            "available": 999_862,
            "reserved": 0,
            "spent": 38,
            "leased": 100,
            "lost": 0,
        }
        assert (await till.redeem(voucher["code"], "online"))["reason"] == "already-redeemed"
        lines = await till.rows("SELECT line_no, discount_cents FROM redemption_lines ORDER BY line_no")
        assert [tuple(line.values()) for line in lines] == [(1, 25), (2, 13)]
        told_of = await till.rows("SELECT headers FROM outbox WHERE headers LIKE '%redeemed%'")
        assert len(told_of) == 1
        assert await conflicts(till) == []
        assert await lane.end() == 200


async def test_what_was_used_elsewhere_is_paid_by_the_lease_and_listed(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "k1")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        lane.accept(voucher, at=NOW + HOUR)
        assert (await till.redeem(voucher["code"], "online"))["status"] == "redeemed"
        (outcome,) = await lane.reconcile()
        assert (outcome["status"], outcome["reason"]) == ("conflict", "already-redeemed")
        assert outcome["from_lease_cents"] == 25
        held = await balances(till)
        assert (held["spent"], held["leased"], held["lost"]) == (125, 75, 0)
        (listed,) = await conflicts(till)
        assert (listed["redemption_id"], listed["from_lease_cents"], listed["uncovered_cents"]) == (
            outcome["redemption_id"],
            25,
            0,
        )
        assert lane.till.left_cents(lane.lease_id, "usual") == await worst_case(till) == 75
