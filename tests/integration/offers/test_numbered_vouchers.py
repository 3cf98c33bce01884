"""Laws of numbers at the doors: every form of a voucher is the same voucher, and a number that two share is nobody's."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.offers.test_code_guessing import PATIENT, present, web_shop
from tests.integration.offers.test_redemptions import money
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import open_till, tell_world
from tests.support.postgres import Database

EAN = {"kind": "ean13", "prefix": "29"}
GCN = {"kind": "gcn", "prefix": "401234567890"}
FORMS = {
    "ean": (EAN, "{digits}"),
    "gcn element string": (GCN, "]C1255{digits}"),
    "gcn in brackets": (GCN, "(255){digits}(17)260401"),
    "gcn digital link": (GCN, "https://coupons.example/255/{digits}"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_the_same_voucher(database: Database, tmp_path: Path, form: str) -> None:
    numbered, shape = FORMS[form]
    await tell_world(database, campaigns=[a_campaign(numbered=numbered)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = (await till.checkout("checkout", slots=2))["vouchers"]
        assert (await till.checkout("checkout", slots=2))["vouchers"] == vouchers, "a repeat prints the same numbers"
        one, other = (shape.format(digits=voucher["number"]["digits"]) for voucher in vouchers)
        assert (await till.redeem(one, "r1"))["status"] == "redeemed"
        assert (await till.redeem(vouchers[0]["code"], "r2"))["reason"] == "already-redeemed"
        assert (await till.redeem(one, "r3"))["reason"] == "already-redeemed"
        assert (await till.redeem(vouchers[1]["code"], "r4"))["status"] == "redeemed"
        assert (await till.redeem(other, "r5"))["reason"] == "already-redeemed"
        stored = await till.rows("SELECT proposal, number_lookup FROM decisions JOIN vouchers USING (checkout_id)")
        assert all(vouchers[0]["number"]["digits"].encode() not in bytes(row["proposal"]) for row in stored)


async def test_a_number_of_two_open_vouchers_is_refused_and_of_one_is_that_one(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(numbered=EAN)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = (await till.checkout("checkout", slots=2))["vouchers"]
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql(
                "UPDATE vouchers SET number_lookup = (SELECT number_lookup FROM vouchers WHERE slot = 1)"
            )
        digits = vouchers[0]["number"]["digits"]
        assert (await till.redeem(digits, "r1"))["reason"] == "ambiguous-number"
        assert (await till.redeem(vouchers[0]["code"], "r2"))["status"] == "redeemed"
        assert (await till.redeem(digits, "r3"))["status"] == "redeemed", "the other is the only open one now"
        assert (await till.redeem(digits, "r4"))["reason"] == "already-redeemed"
        assert await money(till) == {"reserved": 0, "spent": 200, "given": 200}


async def test_ended_vouchers_with_the_number_stand_in_nobodys_way(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(numbered=EAN)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = (await till.checkout("checkout", slots=3))["vouchers"]
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql(
                "UPDATE vouchers SET number_lookup = (SELECT number_lookup FROM vouchers WHERE slot = 1)"
            )
        *ended, last = sorted(vouchers, key=lambda voucher: str(voucher["voucher_id"]))
        for voucher in ended:
            assert (await till.redeem(voucher["code"], voucher["voucher_id"]))["status"] == "redeemed"
        assert (await till.redeem(vouchers[0]["number"]["digits"], "r1"))["status"] == "redeemed"
        assert (await till.redeem(last["code"], "r2"))["reason"] == "already-redeemed"


async def test_products_and_other_companies_coupons_lock_no_lane(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(numbered=GCN)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        reasons = [
            (await till.redeem(scanned, f"{scanned}-{n}"))["reason"]
            for n in range(4)
            for scanned in ("4006381333931", "2555012345678900000000000001")
        ]
        assert reasons == ["unknown-code", "foreign-code"] * 4
        unknown = [await present(till.client, f"u{n}", {"code": f"255{head()}{n:012d}"}) for n in range(6)]
        assert [answer.status_code for answer in unknown] == [200] * 5 + [429]


async def test_from_outside_a_till_numbers_tell_nothing_and_an_ean_opens_nothing(
    database: Database, tmp_path: Path
) -> None:
    campaigns: list[Any] = [a_campaign(numbered=EAN, signed="chain")]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with web_shop(database, tmp_path, refusal_floor_ms=0, **PATIENT) as (till, shop):
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        by_number = await present(shop, "r1", {"code": voucher["number"]["digits"]})
        assert by_number.json()["reason"] == "not-valid"
        assert (await present(shop, "r2", {"code": voucher["signed"]})).json()["status"] == "redeemed"


def head() -> str:
    """The coupon number of GCN with its check digit."""
    return "4012345678901"
