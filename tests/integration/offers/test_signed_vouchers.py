"""Laws of signed vouchers at the doors: printed, checked without a network, redeemed with one, rotated and withdrawn."""

from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import zxingcpp
from PIL import Image

from libs.common.errors import RetryableError
from libs.tills.verify_voucher import Refused, verify
from tests.support.escpos_paper import Printer
from tests.support.offers_facts import NOW, a_campaign, a_snapshot
from tests.support.offers_running import Till, checkout_body, open_till, redemption_body, tell_world
from tests.support.postgres import Database


async def printed(till: Till, checkout_id: str) -> dict[str, Any]:
    return dict((await till.checkout(checkout_id))["vouchers"][0])


async def trusted(till: Till) -> dict[int, bytes]:
    """What a till that fetched the keys now trusts."""
    keys = (await till.client.get("/v1/voucher-keys")).json()
    return {key["key_id"]: bytes.fromhex(key["public_key"]) for key in keys if key["withdrawn_at"] is None}


def check(till: Till, voucher: dict[str, Any], keys: dict[int, bytes], store_id: str = "store-1") -> Any:
    return verify(voucher["signed"], keys, store_id, till.clock.now().timestamp())


async def test_what_is_printed_is_checked_offline_and_redeemed_online(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = await printed(till, "checkout")
        read = check(till, voucher, await trusted(till), "store-2")
        assert (read.code, read.percent, read.greatest_value_cents) == (voucher["code"], 10, 100)
        altered = voucher["signed"][:-1] + ("0" if voucher["signed"][-1] != "0" else "1")
        assert (await till.redeem(altered, "forged"))["reason"] == "foreign-code"
        assert (await till.redeem(voucher["signed"], "scanned"))["status"] == "redeemed"
        assert (await till.redeem(voucher["code"], "typed"))["reason"] == "already-redeemed"


async def test_a_voucher_of_its_store_is_refused_elsewhere_while_offline(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="store")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher, keys = await printed(till, "checkout"), await trusted(till)
        check(till, voucher, keys)
        with pytest.raises(Refused, match="other-store"):
            check(till, voucher, keys, "store-2")


async def test_nothing_is_signed_where_the_campaign_does_not_ask(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        assert (await printed(till, "checkout"))["signed"] is None


async def test_an_answer_is_the_same_bytes_after_rotation_and_restart(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    body = checkout_body("checkout")
    async with open_till(database, tmp_path) as till:
        first = await till.client.post("/v1/checkouts", json=body)
        new = {"signs_from": (NOW + timedelta(days=1)).isoformat()}
        assert len((await till.client.put("/v1/voucher-keys/2", json=new)).json()) == 2
        assert len((await till.client.put("/v1/voucher-keys/2", json=new)).json()) == 2, "again"
        keys = await trusted(till)
        till.clock.move(timedelta(days=1))
        after = await printed(till, "after")
        assert check(till, after, {2: keys[2]}).code == after["code"]
        assert (await till.client.post("/v1/checkouts", json=body)).content == first.content
        withdrawn = await till.client.post("/v1/voucher-keys/2/withdrawal")
        assert [key["withdrawn_at"] is None for key in withdrawn.json()] == [True, False]
        with pytest.raises(Refused, match="unknown-key"):
            check(till, after, await trusted(till))
        assert (await till.redeem(after["signed"], "online"))["status"] == "redeemed", "the database knows it"
        last = await printed(till, "last")
        check(till, last, {1: keys[1]})
    async with open_till(database, tmp_path) as restarted:
        assert (await restarted.client.post("/v1/checkouts", json=body)).content == first.content


async def test_a_receipt_again_has_the_signature_of_its_issue_in_every_form(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])

    async def again(till: Till, accept: str) -> httpx.Response:
        return await till.client.get("/v1/checkouts/checkout/receipt", headers={"Accept": accept})

    async with open_till(database, tmp_path) as till:
        answer = await till.checkout("checkout")
        new = {"signs_from": (NOW + timedelta(days=1)).isoformat()}
        assert (await till.client.put("/v1/voucher-keys/2", json=new)).status_code == 200
    async with open_till(database, tmp_path) as till:
        till.clock.move(timedelta(days=1))
        assert (await till.client.post("/v1/voucher-keys/1/withdrawal")).status_code == 200
        signed = answer["vouchers"][0]["signed"]
        job = (await again(till, "application/octet-stream")).content
        assert job == b64decode(answer["receipt"]["escpos_base64"])
        assert Printer(42).print(job).qr_codes == [signed]
        (coupon,) = (await again(till, "application/json")).json()["coupons"]
        assert (coupon["signed"], coupon["code"]) == (signed, answer["vouchers"][0]["code"])
        with Image.open(BytesIO((await again(till, "image/png")).content)) as picture:
            assert signed in {found.text for found in zxingcpp.read_barcodes(picture)}
        declined = await till.client.put("/v1/checkouts/checkout/printed", json={"outcome": "declined"})
        assert declined.status_code == 200
        registry = till.parts.registry
        counted = registry.get_sample_value("offers_paper_millimetres_total", {"outcome": "declined"})
        assert counted == answer["receipt"]["paper_mm"]


async def test_a_key_that_tills_cannot_know_yet_signs_nothing(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        soon = {"signs_from": (NOW + timedelta(seconds=59)).isoformat()}
        answer = await till.client.put("/v1/voucher-keys/2", json=soon)
        assert (answer.status_code, answer.json()["title"]) == (422, "too-soon")
        other = {"signs_from": (NOW + timedelta(days=1)).isoformat()}
        answer = await till.client.put("/v1/voucher-keys/1", json=other)
        assert (answer.status_code, answer.json()["title"]) == (409, "other-key")
        answer = await till.client.post("/v1/voucher-keys/9/withdrawal")
        assert (answer.status_code, answer.json()["title"]) == (404, "unknown-voucher-key")


async def test_before_the_keys_were_read_what_is_not_signed_is_redeemed_and_what_is_waits(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        signed, typed = await printed(till, "signed"), await printed(till, "typed")
        ring = till.door.doors.signing
        ring._keys = None
        assert (await till.redeem(typed["code"], "r1"))["status"] == "redeemed"
        scanned = redemption_body(signed["signed"], "r2")
        answer = await till.client.post("/v1/redemptions", json=scanned)
        assert (answer.status_code, answer.json()["title"]) == (503, "signing-keys-unread")
        assert await till.rows("SELECT redemption_id FROM redemptions") == [{"redemption_id": "r1"}]
        await ring.refresh()
        assert (await till.client.post("/v1/redemptions", json=scanned)).json()["status"] == "redeemed"


async def test_before_the_keys_were_read_a_receipt_reads_them(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        mm = (await till.checkout("checkout"))["receipt"]["paper_mm"]
        ring = till.door.doors.signing
        ring._keys = None
        told = await till.client.put("/v1/checkouts/checkout/printed", json={"outcome": "declined"})
        assert (told.status_code, told.json()["outcome"]) == (200, "declined")
        declined = {"outcome": "declined"}
        assert till.parts.registry.get_sample_value("offers_paper_millimetres_total", declined) == mm > 0
        ring._keys = None
        assert (await till.client.get("/v1/checkouts/checkout/receipt")).status_code == 200


async def test_where_the_keys_cannot_be_read_nothing_is_kept_that_is_answered_with_an_error(
    database: Database, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def away() -> AsyncIterator[Any]:
        raise RetryableError("away")
        yield

    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("checkout")
        ring = till.door.doors.signing
        ring._keys, ring._begin = None, away
        told = {
            outcome: (await till.client.put("/v1/checkouts/checkout/printed", json={"outcome": outcome})).status_code
            for outcome in ("declined", "failed", "printed")
        }
        assert told == {"declined": 503, "failed": 200, "printed": 200}
        (kept,) = await till.rows("SELECT outcome FROM printings")
        assert kept == {"outcome": "printed"}
        counted = "offers_receipts_printed_total"
        assert till.parts.registry.get_sample_value(counted, {"outcome": "declined"}) is None
