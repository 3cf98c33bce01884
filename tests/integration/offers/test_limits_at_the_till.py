"""Limits and over-issue through the doors: what a till is offered, what head office sees, what is forgotten with a person."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from libs.common.contracts import Event
from libs.common.contracts.catalog import CatalogStore
from libs.common.contracts.profile import IdentityChanged
from services.offers.handlers.privacy.forgetting import on_erasures
from services.offers.handlers.vouchers.expiry import expire_vouchers
from tests.integration.offers.test_erasures import a_request, naming
from tests.support.limits import limit
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, an_event, card, customer_of
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database

RAILS = {"greatest_value_cents": 500, "open_per_customer": 100, "issued_per_customer": 1000}
BACKED = RAILS | {"greatest_over_issue_ratio": 2.0}


def of_household(number: int, household_id: str) -> Event:
    plain = a_snapshot(number)
    return an_event(plain.data.model_copy(update={"household_id": household_id}), f"household-{number}")


def by(number: int) -> dict[str, Any]:
    return {"customer": card(number).model_dump(mode="json")}


async def offered(till: Till, checkout_id: str, **changes: Any) -> list[str]:
    return [voucher["campaign_id"] for voucher in (await till.checkout(checkout_id, **changes))["vouchers"]]


async def uses(till: Till, per: str) -> list[tuple[str, int, int]]:
    rows = await till.rows("SELECT per, entity, count, cents FROM limit_uses ORDER BY entity, starts_on")
    return [(row["entity"], row["count"], row["cents"]) for row in rows if row["per"] == per]


async def test_what_a_limit_refuses_leaves_the_slot_to_another_campaign(database: Database, tmp_path: Path) -> None:
    campaigns = [a_campaign("best", exploration_ratio=1.0, limits=[limit("customer", "life", 1)]), a_campaign("plain")]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot(1), a_snapshot(2)])
    async with open_till(database, tmp_path) as till:
        found = [await offered(till, f"k{number}", slots=1) for number in range(3)]
        assert sorted(name for each in found for name in each).count("best") <= 1
        assert all(len(each) == 1 for each in found)
        together = await offered(till, "other", slots=3, **by(2))
        assert together.count("best") <= 1
        assert len(together) == 3, "what the limit does not leave is offered to the others"


async def test_a_household_shares_its_limit_and_who_has_none_gets_nothing(database: Database, tmp_path: Path) -> None:
    customers = [of_household(1, "home"), of_household(2, "home"), a_snapshot(3)]
    await tell_world(database, campaigns=[a_campaign(limits=[limit("household", "week", 1)])], customers=customers)
    async with open_till(database, tmp_path) as till:
        assert await offered(till, "first") == ["usual"]
        assert (await till.checkout("second", **by(2)))["reason"] == "limit-reached"
        assert (await till.checkout("nobodys", **by(3)))["reason"] == "limit-unknown"
        assert await uses(till, "household") == [("home", 1, 100)]


async def test_a_region_and_a_partner_count_over_their_stores(database: Database, tmp_path: Path) -> None:
    limits = [limit("region", "day", 1), {**limit("partner", "life", 2), "where_unknown": "pass"}]
    await tell_world(database, campaigns=[a_campaign(limits=limits)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        assert (await till.checkout("no-region"))["reason"] == "limit-unknown"
        for store_id in ("store-1", "store-2"):
            store = CatalogStore(
                store_id=store_id,
                name="",
                time_zone="America/New_York",
                country="US",
                currency="USD",
                region="north",
                partner="p" if store_id == "store-2" else None,
            )
            async with till.transaction() as (_, stores):
                told = an_event(store, f"{store_id}-moved", NOW + timedelta(seconds=1))
                await stores.read_model.apply_catalogue([told], ())
        await till.door.keeper.refresh()
        assert await offered(till, "one", store_id="store-2") == ["usual"]
        assert (await till.checkout("two", store_id="store-1"))["reason"] == "limit-reached"
        assert await uses(till, "region") == [("north", 1, 100)]
        assert await uses(till, "partner") == [("p", 1, 100)]


async def test_a_day_ends_at_the_stores_own_midnight(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(limits=[limit("store", "day", 1)])], customers=[a_snapshot()])
    async with open_till(database, tmp_path, play_mode=True) as till:
        moments = ["2026-03-11T03:59:59+00:00", "2026-03-11T04:00:00+00:00", "2026-03-12T03:59:59+00:00"]
        reasons = [(await till.checkout(f"k{n}", occurred_at=at))["reason"] for n, at in enumerate(moments)]
        assert reasons == ["offered", "offered", "limit-reached"]


async def test_a_merge_opens_no_limit(database: Database, tmp_path: Path) -> None:
    campaigns = [a_campaign(limits=[limit("customer", "life", 2)])]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot(1), a_snapshot(2)])
    async with open_till(database, tmp_path) as till:
        assert await offered(till, "old") == ["usual"]
        assert await offered(till, "new", **by(2)) == ["usual"]
        changed = IdentityChanged(customer_id=customer_of(1), version=1, now_customer_id=customer_of(2))
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_identities([an_event(changed, "merge")], ())
        for number in (1, 2):
            assert (await till.checkout(f"merged-{number}", **by(number)))["reason"] == "limit-reached"


async def test_a_voucher_that_ends_unused_gives_back_its_use_once(database: Database, tmp_path: Path) -> None:
    campaigns = [a_campaign(limits=[limit("customer", "life", 1), limit("store", "life", 10**6, "cents")])]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        first = (await till.checkout("first"))["vouchers"][0]
        line = {"line_no": 1, "item_id": f"{first['category']}-1", "quantity": "1", "amount_cents": 250}
        await till.redeem(first["code"], "r1", lines=[line])
        assert await uses(till, "store") == [("store-1", 1, 25)]
        for _ in range(2):
            assert (await till.client.post("/v1/redemptions/r1/rollback")).status_code == 200
            assert await uses(till, "store") == [("store-1", 1, 100)]
        assert (await till.checkout("second"))["reason"] == "limit-reached"
        for _ in range(2):
            async with till.transaction() as (_, stores):
                await expire_vouchers(stores.expiry, NOW + timedelta(days=400), till.parts.metrics)
            assert await uses(till, "store") == [("store-1", 0, 0)]
        assert await offered(till, "third") == ["usual"]


async def test_a_redemption_taken_back_takes_no_more_than_its_limit_leaves(database: Database, tmp_path: Path) -> None:
    campaigns = [a_campaign(limits=[limit("store", "life", 150, "cents")])]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        first = (await till.checkout("first"))["vouchers"][0]
        line = {"line_no": 1, "item_id": f"{first['category']}-1", "quantity": "1", "amount_cents": 250}
        await till.redeem(first["code"], "r1", lines=[line])
        assert await offered(till, "second") == ["usual"]
        again = (await till.client.post("/v1/redemptions/r1/rollback")).json()
        assert (again["returned_cents"], again["good_for_cents"]) == (25, 50)
        assert await uses(till, "store") == [("store-1", 2, 150)]


async def test_who_is_forgotten_stands_on_no_counter(database: Database, tmp_path: Path) -> None:
    limits = [limit("customer", "day", 9), limit("household", "day", 9), limit("store", "day", 9)]
    await tell_world(database, campaigns=[a_campaign(limits=limits)], customers=[of_household(1, "home")])
    async with open_till(database, tmp_path) as till:
        printed = (await till.checkout("k1"))["vouchers"][0]
        assert {"limit_uses", "voucher_limits"} <= await naming(till, customer_of(1))
        async with till.transaction() as (_, stores):
            await on_erasures(stores.privacy, [a_request()], NOW)
        assert not {"limit_uses", "voucher_limits"} & await naming(till, customer_of(1))
        assert await till.rows("SELECT per FROM voucher_limits") == [{"per": "store"}]
        await till.redeem(printed["code"], "r1")
        assert len(await uses(till, "store")) == 1


async def test_head_office_sees_money_and_limits_as_they_stand(database: Database, tmp_path: Path) -> None:
    campaign = a_campaign(
        limits=[limit("customer", "life", 2), limit("store", "life", 3), limit("campaign", "life", 900, "cents")],
        stores={"store-1": {"limits": [limit("store", "life", 2)]}},
        cap_cents=1_000,
        over_issue_ratio=1.5,
        backing_cents=600,
        guard_rails=BACKED,
    )
    await tell_world(database, campaigns=[campaign], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("k1")
        shown = (await till.client.get("/v1/campaigns/usual/budget")).json()
        assert shown["budget"] == {
            "cap_cents": 1_000,
            "reserved_cents": 100,
            "spent_cents": 0,
            "exposure_cents": 100,
            "remaining_cents": 1_400,
            "over_issue_cents": 500,
            "backing_cents": 600,
            "drawn_cents": 0,
            "leased_cents": 0,
            "lost_cents": 0,
        }
        used = [
            (each["store_id"], each["uses"] and [(u["entity"], u["used"], u["remaining"]) for u in each["uses"]])
            for each in shown["limits"]
        ]
        assert used == [
            (None, None),
            (None, [("store-1", 1, 2)]),
            (None, [("", 100, 800)]),
            ("store-1", [("store-1", 1, 1)]),
        ]
        assert (await till.client.get("/v1/campaigns/ghost/budget")).status_code == 404


async def test_vouchers_are_promised_above_the_cap_as_far_as_they_are_backed(
    database: Database, tmp_path: Path
) -> None:
    campaign = a_campaign(cap_cents=200, over_issue_ratio=1.5, backing_cents=150, guard_rails=BACKED)
    await tell_world(database, campaigns=[campaign], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        printed = [(await till.checkout(f"k{number}"))["vouchers"] for number in range(4)]
        assert [len(each) for each in printed] == [1, 1, 1, 0]
        for number, (voucher,) in enumerate(printed[:3]):
            line = {"line_no": 1, "item_id": f"{voucher['category']}-1", "quantity": "9", "amount_cents": 2_250}
            assert (await till.redeem(voucher["code"], f"r{number}", lines=[line]))["given_cents"] == 100
        (books,) = (await till.client.get("/v1/ledger")).json()
        assert books["balances_cents"] == {
            "funder": -350,
            "available": -100,
            "reserved": 0,
            "spent": 300,
            "backing": 150,
            "leased": 0,
            "lost": 0,
        }
        assert books["agree"]
        lower = campaign.model_dump(mode="json") | {"over_issue_ratio": 1.0, "backing_cents": 0}
        refused = await till.client.put("/v1/campaigns/usual", json=lower)
        assert (refused.status_code, refused.json()["title"]) == (409, "cap-below-exposure")
        raised = await till.client.put("/v1/campaigns/usual", json=lower | {"cap_cents": 300})
        assert raised.status_code == 200
        assert raised.json()["budget"]["drawn_cents"] == 0
        (books,) = (await till.client.get("/v1/ledger")).json()
        assert (books["balances_cents"]["funder"], books["balances_cents"]["backing"]) == (-300, 0)


@pytest.mark.parametrize(
    "change",
    [
        "reserved_cents = 301",
        "over_issue_cents = 151, cap_cents = 500",
        "backing_cents = 99",
    ],
)
async def test_the_database_itself_lets_nothing_be_promised_that_is_not_backed(
    database: Database, tmp_path: Path, change: str
) -> None:
    campaign = a_campaign(cap_cents=200, over_issue_ratio=1.5, backing_cents=150, guard_rails=BACKED)
    await tell_world(database, campaigns=[campaign])
    async with open_till(database, tmp_path) as till:
        with pytest.raises(DBAPIError, match="check constraint"):
            async with till.transaction() as (tx, _):
                await tx.connection.exec_driver_sql(f"UPDATE budgets SET {change}")  # noqa: S608  # our own words
