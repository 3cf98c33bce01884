"""Laws of lanes without a network: bounded by what was shown, nothing redeemed twice in the books, every conflict listed."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.pos import Return, Void
from libs.common.contracts.values import ReceiptLine
from libs.common.http.credentials import new_key
from libs.tills.verify_voucher import Refused
from services.offers.handlers.feeds import on_receipts
from services.offers.handlers.lanes.leasing import end_forsaken
from services.offers.handlers.vouchers.expiry import expire_vouchers
from services.offers.store.lanes.leases import PostgresLaneLeases
from tests.integration.offers.test_brakes import until
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, an_event
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.offline_lanes import LANE_CENTS, Lane, an_offline_campaign, keys_of, lines_for
from tests.support.postgres import Database

HOUR = timedelta(hours=1)
LINES = [
    {name: value for name, value in line._asdict().items() if name != "category"} for line in lines_for("coffee", 250)
]
"""The receipt that `accept` is given, as a till online states it."""


CATEGORY_OF = {"a-first": "milk", "b-second": "coffee"}


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


async def test_a_lane_is_lent_nothing_of_a_campaign_that_a_brake_stops(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        brake = {"brake_id": "stop", "scope": "store", "entity_id": "store-1", "reason": "a wrong price"}
        assert (await till.client.post("/v1/brakes", json=brake)).status_code == 200
        await until(lambda: till.door.keeper.knowledge.stops("usual", "store-1"))
        lane = await lane_of(till, tmp_path)
        assert (await lane.lend())["campaigns"] == []
        assert (await balances(till))["leased"] == 0


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
            "backing": 0,
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


async def test_a_voucher_that_was_taken_in_time_is_redeemed_though_it_ended_meanwhile_and_the_lease_pays_for_its_reserve(
    database: Database, tmp_path: Path
) -> None:
    await told(database, validity_days=0)
    async with open_till(database, tmp_path) as till:
        kept, swept = await printed(till, "k1"), await printed(till, "k2")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        other = await lane_of(till, tmp_path, "lane-2")
        await other.lend()
        for voucher in (kept, swept):
            lane.accept(voucher, at=NOW + HOUR)
            other.accept(voucher, at=NOW + HOUR)
        with pytest.raises(Refused, match="expired"):
            lane.accept(await printed(till, "k3"), at=NOW + 20 * HOUR)
        till.clock.move(20 * HOUR)
        first, second = lane.till.pending()[0]["entries"]
        await lane.send({"lease_id": lane.lease_id, "entries": [first]})
        async with till.transaction() as (_, stores):
            assert await expire_vouchers(stores.expiry, till.clock.now(), till.parts.metrics) == 2, (
                "the one that is redeemed stays"
            )
        (outcome,) = await lane.send({"lease_id": lane.lease_id, "entries": [second]})
        assert (outcome["status"], outcome["reason"], outcome["from_lease_cents"]) == ("redeemed", "redeemed-late", 25)
        assert await lane.send({"lease_id": lane.lease_id, "entries": [second, second]}) == [outcome] * 2
        held = await balances(till)
        assert (held["reserved"], held["spent"], held["leased"]) == (0, 50, 175)
        assert await conflicts(till) == []
        await other.reconcile()
        assert [(each["reason"], each["terminal_id"]) for each in await conflicts(till)] == [
            ("already-redeemed", "lane-2"),
            ("already-redeemed", "lane-2"),
        ]
        item_id = second["lines"][0]["item_id"]
        await hand(till, [a_return("back", second["receipt_id"], item_id)])
        held = await balances(till)
        assert (held["spent"], held["leased"]) == (75, 125)
        assert (lane.till.left_cents(lane.lease_id, "usual"), await worst_case(till)) == (75, 125)


async def test_goods_and_receipts_of_conflicts_come_back_like_any_other(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lanes = [await lane_of(till, tmp_path, f"lane-{number}") for number in range(3)]
        voucher = await printed(till, "k1")
        for number, lane in enumerate(lanes):
            await lane.lend()
            lane.accept(voucher, at=NOW + HOUR, receipt_id=f"sale-{number}")
            await lane.reconcile()
        assert (await balances(till))["spent"] == 75
        item_id = next(iter(lanes[1].till.entries.values()))["lines"][0]["item_id"]
        for _ in range(2):
            await hand(till, [a_return(f"back-{n}", f"sale-{n}", item_id) for n in range(2)])
            assert (await balances(till))["spent"] == 25
        void = Void(receipt_id="void", store_id="store-1", currency="USD", voided_receipt_id="sale-2")
        await hand(till, [an_event(void, "void")])
        held = await balances(till)
        assert (held["spent"], held["leased"]) == (0, 100 + 75 + 75)
        assert [each["came_back_cents"] for each in await conflicts(till)] == [25, 25]
        assert [await lane.end() for lane in lanes] == [200] * 3


async def test_returns_of_conflicts_wait_for_budgets_in_the_order_of_everybody_else(
    database: Database, tmp_path: Path
) -> None:
    campaigns = [an_offline_campaign(name, categories=[category]) for name, category in CATEGORY_OF.items()]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        lanes = [await lane_of(till, tmp_path, f"lane-{number}") for number in range(2)]
        vouchers = (await till.checkout("k1", slots=2))["vouchers"]
        sales = {"b-second": "sale-1", "a-first": "sale-2"}
        for number, lane in enumerate(lanes):
            await lane.lend()
            for voucher in vouchers:
                lane.accept(voucher, at=NOW + HOUR, receipt_id=f"{sales[voucher['campaign_id']]}-{number}")
            await lane.reconcile()
        assert {each["receipt_id"] for each in await conflicts(till)} == {"sale-1-1", "sale-2-1"}
        voids = [
            Void(receipt_id=f"void-{of}", store_id="store-1", currency="USD", voided_receipt_id=f"{of}-1")
            for of in sales.values()
        ]
        async with till.transaction() as (tx, _):
            lock = "SELECT FROM budgets WHERE campaign_id = '{}' FOR NO KEY UPDATE"
            await tx.connection.exec_driver_sql(lock.format("a-first"))
            back = asyncio.create_task(hand(till, [an_event(void, void.receipt_id) for void in voids]))
            async with asyncio.timeout(30):
                while not await till.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                    pass
            await tx.connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            await tx.connection.exec_driver_sql(lock.format("b-second"))
        await back
        assert [each["came_back_cents"] for each in await conflicts(till)] == [25, 25]


async def test_goods_that_came_back_before_the_journal_did_take_their_shares_when_it_comes(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lanes = [await lane_of(till, tmp_path, f"lane-{number}") for number in range(3)]
        voucher, other = await printed(till, "k1"), await printed(till, "k2")
        for number, lane in enumerate(lanes):
            await lane.lend()
            lane.accept(voucher, at=NOW + HOUR, receipt_id=f"sale-{number}")
        lanes[0].accept(other, at=NOW + HOUR, receipt_id="voided")
        item_id = next(iter(lanes[0].till.entries.values()))["lines"][0]["item_id"]
        await hand(till, [a_return(f"back-{n}", f"sale-{n}", item_id) for n in range(2)])
        voids = [
            Void(receipt_id=f"void-{of}", store_id="store-1", currency="USD", voided_receipt_id=of)
            for of in ("sale-2", "voided")
        ]
        await hand(till, [an_event(void, void.receipt_id, NOW + 2 * HOUR) for void in voids])
        till.clock.move(3 * HOUR)
        for lane in lanes:
            await lane.reconcile()
        held = await balances(till)
        assert (held["spent"], held["leased"], held["reserved"]) == (0, 100 + 75 + 75, 100)
        assert [each["came_back_cents"] for each in await conflicts(till)] == [25, 25]


async def test_a_receipt_that_was_cancelled_is_undone_before_or_after_it_was_heard_of(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane, other = await lane_of(till, tmp_path), await lane_of(till, tmp_path, "lane-2")
        vouchers = [await printed(till, f"k{number}") for number in range(3)]
        await lane.lend()
        await other.lend()
        entries = [lane.accept(voucher, at=NOW + HOUR) for voucher in vouchers]
        other.accept(vouchers[2], at=NOW + HOUR)
        await other.reconcile()
        before = lane.till.pending()[0]
        await lane.send({**before, "entries": before["entries"][1:]})
        assert (await balances(till))["spent"] == 75
        for entry in entries:
            lane.till.take_back(entry["redemption_id"])
        after = await lane.reconcile()
        assert [(each["status"], each["taken_back"]) for each in after] == [
            ("taken-back", True),
            ("redeemed", True),
            ("conflict", True),
        ]
        again = await lane.send(before)
        assert [each["taken_back"] for each in again] == [True] * 3, "an older word that comes later changes nothing"
        held = await balances(till)
        assert (held["reserved"], held["spent"], held["leased"]) == (200, 25, 175)
        assert lane.till.pending() == []
        for voucher in vouchers[:2]:
            assert (await till.redeem(voucher["code"], voucher["voucher_id"]))["status"] == "redeemed"


async def test_the_answer_that_a_till_lost_before_it_went_offline_is_no_conflict(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "k1")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        entry = lane.accept(voucher, at=NOW, receipt_id="sale")
        lines = [{name: line[name] for name in line if name != "discount_cents"} for line in entry["lines"]]
        assert (await till.redeem(voucher["code"], "lost", receipt_id="sale", lines=lines))["given_cents"] == 25
        (outcome,) = await lane.reconcile()
        assert (outcome["status"], outcome["from_lease_cents"]) == ("redeemed", 0)
        assert (await balances(till))["spent"] == 25
        assert await conflicts(till) == []


@pytest.mark.parametrize("heard", ["before it was cancelled", "cancelled"])
async def test_the_answer_that_was_lost_is_undone_with_the_receipt_that_is_cancelled(
    database: Database, tmp_path: Path, heard: str
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "k1")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        assert (await till.redeem(voucher["code"], "lost", receipt_id="sale", lines=LINES))["given_cents"] == 25
        entry = lane.accept(voucher, at=NOW, receipt_id="sale")
        if heard == "before it was cancelled":
            await lane.reconcile()
        lane.till.take_back(entry["redemption_id"])
        (outcome,) = await lane.reconcile()
        assert (outcome["taken_back"], outcome["from_lease_cents"]) == (True, 0)
        assert (await balances(till))["spent"] == 0
        assert (await till.redeem(voucher["code"], "again"))["status"] == "redeemed", "the customer still has it"


async def test_a_receipt_that_is_opened_again_over_the_network_keeps_what_it_got_there(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "k1")
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        lane.till.take_back(lane.accept(voucher, at=NOW, receipt_id="sale")["redemption_id"])
        till.clock.move(HOUR)
        assert (await till.redeem(voucher["code"], "opened again", receipt_id="sale", lines=LINES))["given_cents"] == 25
        (outcome,) = await lane.reconcile()
        assert outcome["status"] == "taken-back"
        assert (await balances(till))["spent"] == 25


async def test_leases_stay_within_what_head_office_lends_and_within_the_budget(
    database: Database, tmp_path: Path
) -> None:
    offline = {"accept_up_to_cents": 60, "lane_cents": 100, "chain_cents": 150}
    await tell_world(
        database,
        campaigns=[
            an_offline_campaign(offline=offline, cap_cents=10_000),
            an_offline_campaign("small", offline=offline, cap_cents=70, aim="usual"),
            a_campaign("online"),
        ],
        customers=[a_snapshot()],
    )
    async with open_till(database, tmp_path) as till:

        async def lent(terminal_id: str, **asked: Any) -> dict[str, int]:
            lane = await lane_of(till, tmp_path, terminal_id)
            return {each["campaign_id"]: each["granted_cents"] for each in (await lane.lend(**asked))["campaigns"]}

        assert await lent("a", most_cents=30) == {"small": 30, "usual": 30}
        assert await lent("a", campaign_ids=["usual", "online", "ghost"]) == {"usual": 70}
        assert await lent("b") == {"small": 40, "usual": 50}
        assert await lent("c") == {"small": 0, "usual": 0}
        assert (await till.client.get("/v1/campaigns/small")).json()["budget"]["remaining_cents"] == 0
        lower = a_campaign("small", cap_cents=69).model_dump(mode="json")
        refused = await till.client.put("/v1/campaigns/small", json=lower)
        assert (refused.status_code, refused.json()["title"]) == (409, "cap-below-exposure")
        chosen = {v["campaign_id"] for n in range(4) for v in (await till.checkout(f"k{n}"))["vouchers"]}
        assert "small" not in chosen, "nothing is left to reserve"


async def test_a_lane_that_never_comes_back_is_waited_for_and_then_its_money_is_free(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path, lease_grace_days=2) as till:
        voucher = await printed(till, "k1")
        lane, other = await lane_of(till, tmp_path), await lane_of(till, tmp_path, "lane-2")
        await lane.lend()
        await other.lend()
        for each in (lane, other):
            each.accept(voucher, at=NOW + HOUR)
        await other.reconcile()

        async def swept() -> int:
            async with till.parts.transactions.begin() as tx:
                return await end_forsaken(PostgresLaneLeases(tx), till.clock.now(), till.parts.metrics)

        till.clock.move(timedelta(days=3) - HOUR)
        assert await swept() == 0
        parts = (await till.client.get("/v1/exposure")).json()["parts"]
        assert [(part["worst_case_cents"], part["over"]) for part in parts] == [(200, 2)]
        till.clock.move(HOUR)
        assert [await swept(), await swept(), await swept()] == [1, 1, 0]
        assert await worst_case(till) == 0
        (outcome,) = await lane.reconcile()
        assert (outcome["status"], outcome["from_lease_cents"], outcome["uncovered_cents"]) == ("conflict", 0, 25)
        held = await balances(till)
        assert (held["funder"], held["spent"], held["lost"]) == (-1_000_025, 25, 25)
        (listed,) = await conflicts(till)
        assert (listed["uncovered_cents"], listed["terminal_id"]) == (25, "lane-1")
        counted = till.parts.registry.get_sample_value
        assert counted("offers_offline_uncovered_cents_total", {"campaign": "usual"}) == 25


async def test_a_lease_ends_only_when_all_of_its_journal_came_in(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        for number in range(2):
            lane.accept(await printed(till, f"k{number}"), at=NOW + HOUR)
        first = lane.till.pending()[0]["entries"][:1]
        await lane.send({"lease_id": lane.lease_id, "entries": first * 3})
        early = await till.client.post(f"/v1/leases/{lane.lease_id}/end", json={"entries": 2})
        assert (early.status_code, early.json()["title"]) == (409, "journal-incomplete")
        await lane.reconcile()
        assert await lane.end() == 200
        unknown = await till.client.post("/v1/leases/ghost/end", json={"entries": 0})
        assert (unknown.status_code, unknown.json()["title"]) == (404, "unknown-lease")


async def test_two_vouchers_on_one_receipt_take_what_it_costs_and_are_told_as_tills_online_would(
    database: Database, tmp_path: Path
) -> None:
    offline = {"accept_up_to_cents": 300, "lane_cents": 1_000, "chain_cents": 5_000}
    rails = {"greatest_value_cents": 500, "open_per_customer": 5}
    off = {"kind": "amount", "percent": None, "amount_cents": 200, "greatest_value_cents": 200}
    await told(database, offline=offline, guard_rails=rails, **off)
    async with open_till(database, tmp_path) as till:
        vouchers = [await printed(till, "k1")]
        vouchers += [each for n in range(2, 9) for each in (await till.checkout(f"k{n}"))["vouchers"]]
        one, other = [each for each in vouchers if each["category"] == vouchers[0]["category"]][:2]
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        entries = [lane.accept(each, 250, at=NOW + HOUR, receipt_id="sale") for each in (one, other)]
        assert [entry["gives"] for entry in entries] == [200, 50]
        assert [each["reason"] for each in await lane.reconcile()] == ["redeemed", "redeemed"]
        assert (await balances(till))["spent"] == 250
        assert await conflicts(till) == []
        item_id = entries[0]["lines"][0]["item_id"]
        goods = {"receipt_id": "sale", "store_id": "store-1", "goods": [{"item_id": item_id, "quantity": "1"}]}
        quote = (await till.client.post("/v1/return-quotes", json=goods)).json()
        assert (quote["refund_cents"], quote["taken_back_cents"]) == (0, 250), "nothing was paid for it"


async def test_a_minimum_is_kept_without_a_network_and_what_its_campaign_says_of_returns_too(
    database: Database, tmp_path: Path
) -> None:
    await told(database, minimum_basket_cents=1_100, below_minimum="reclaim")
    async with open_till(database, tmp_path) as till:
        voucher, lax = await printed(till, "k1"), await printed(till, "k2")
        lane = await lane_of(till, tmp_path)
        assert [each["minimum_basket_cents"] for each in (await lane.lend())["campaigns"]] == [1_100]
        with pytest.raises(Refused, match="below-threshold"):
            lane.accept(voucher, 150, at=NOW + HOUR)
        entry = lane.accept(voucher, 250, at=NOW + HOUR, receipt_id="sale")
        old = lane.till.leases[lane.lease_id]["campaigns"][0]
        del old["minimum_basket_cents"]  # a till of a release before knows of none
        lane.accept(lax, 150, at=NOW + HOUR)
        assert [each["reason"] for each in await lane.reconcile()] == ["redeemed", "other-amount"]
        (listed,) = await conflicts(till)
        assert (listed["given_cents"], listed["from_reserve_cents"]) == (15, 15)
        goods = {"item_id": entry["lines"][1]["item_id"], "quantity": "1"}
        body = {"receipt_id": "sale", "store_id": "store-1", "goods": [goods]}
        quote = (await till.client.post("/v1/return-quotes", json=body)).json()
        assert (quote["refund_cents"], quote["taken_back_cents"]) == (875, 25), "900 less what only a full basket gets"


async def test_a_lane_speaks_for_its_own_store_with_a_right_of_its_own(database: Database, tmp_path: Path) -> None:
    await told(database)
    elsewhere, key_elsewhere = new_key("elsewhere", frozenset({"vouchers:offline"}), store_id="store-2")
    online, key_online = new_key("online", frozenset({"voucher:redeem", "voucher:explain"}))
    async with open_till(database, tmp_path, more_callers=[key_elsewhere, key_online]) as till:
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        lane.accept(await printed(till, "k1"), at=NOW + HOUR)
        (body,) = lane.till.pending()
        lease = {"lease_id": "x", "store_id": "store-1", "terminal_id": "1"}
        asked = [
            ("/v1/leases", lease),
            (f"/v1/leases/{lane.lease_id}/end", {"entries": 0}),
            ("/v1/reconciliations", body),
        ]
        for path, sent in asked:
            for key in (elsewhere, online):
                answer = await till.client.post(path, json=sent, headers={"X-Api-Key": key})
                assert answer.status_code == 403, path
        for path in ("leases", "exposure", "conflicts"):
            assert (await till.client.get(f"/v1/{path}", headers={"X-Api-Key": elsewhere})).status_code == 403


async def test_open_leases_are_read_page_by_page_oldest_first(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        asked = {"store_id": "store-1", "terminal_id": "1", "most_cents": 1}
        for number in range(5):
            lease = await till.client.post("/v1/leases", json=asked | {"lease_id": f"lease-{number}"})
            assert lease.status_code == 200
            till.clock.move(timedelta(seconds=number % 2))
        read, after = list[str](), dict[str, str]()
        while page := [
            each["lease_id"] for each in (await till.client.get("/v1/leases", params={"limit": "2"} | after)).json()
        ]:
            assert len(page) <= 2
            read, after = [*read, *page], {"after": page[-1]}
            await till.client.post(f"/v1/leases/{page[-1]}/end", json={"entries": 0})
        assert read == [f"lease-{number}" for number in range(5)], "one that ends meanwhile loses nobody the next page"
        assert (await till.client.get("/v1/leases", params={"after": "unknown"})).status_code == 404


SLOW = """
    ALTER TABLE leased RENAME TO great;
    CREATE VIEW leased AS WITH slow AS MATERIALIZED (SELECT pg_sleep(1.2)) SELECT great.* FROM great, slow;
"""


async def test_the_exposure_of_a_great_chain_may_take_longer_than_a_till_would_wait(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        await (await lane_of(till, tmp_path)).lend()
        async with till.transaction() as (tx, _):
            for statement in SLOW.strip().split(";")[:-1]:
                await tx.connection.exec_driver_sql(statement)
        assert await worst_case(till) == LANE_CENTS


async def test_conflicts_are_read_page_by_page_and_by_campaign(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        for number in range(3):
            voucher = await printed(till, f"k{number}")
            lane.accept(voucher, at=NOW + HOUR)
            await till.redeem(voucher["code"], f"online-{number}")
        await lane.reconcile()
        seen, after = [], 0
        while after is not None:
            page = (await till.client.get("/v1/conflicts", params={"after": after, "limit": 2})).json()
            seen += [each["number"] for each in page["conflicts"]]
            after = page["next_after"]
        assert seen == sorted(seen)
        assert len(set(seen)) == 3
        assert (await till.client.get("/v1/conflicts", params={"campaign_id": "other"})).json()["conflicts"] == []


async def hand(till: Till, events: list[Event]) -> None:
    """Give returns and voids to the worker's handler."""
    async with till.transaction() as (_, stores):
        await on_receipts(stores, events, till.door.doors.money_clock)


def a_return(event_id: str, receipt_id: str, item_id: str) -> Event:
    """One unit comes back."""
    fact = Return(
        receipt_id=event_id,
        store_id="store-1",
        currency="USD",
        original_receipt_id=receipt_id,
        lines=(ReceiptLine(line_no=1, item_id=item_id, quantity=Decimal(1), amount_cents=250),),
        total_cents=250,
    )
    return an_event(fact, event_id)
