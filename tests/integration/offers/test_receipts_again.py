"""Laws of the receipt's door: the same coupons again in every form, for the store's own tills alone, never in a till's way."""

import asyncio
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import zxingcpp
from PIL import Image

from libs.common.http.credentials import new_key
from libs.tills.verify_voucher import verify
from tests.support.escpos_paper import Printer
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import Till, checkout_body, open_till, tell_world
from tests.support.postgres import Database


async def receipt(till: Till, checkout_id: str, accept: str, **query: int) -> httpx.Response:
    return await till.client.get(f"/v1/checkouts/{checkout_id}/receipt", headers={"Accept": accept}, params=query)


async def test_every_form_has_the_codes_of_the_answer(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        checkout_id = "till-7/2026:0042"  # a till may name it as it likes
        answer = await till.checkout(checkout_id, slots=2)
        codes = [voucher["code"] for voucher in answer["vouchers"]]
        assert len(codes) == 2
        text = await receipt(till, checkout_id, "text/plain")
        assert text.text == answer["receipt"]["text"]
        printer = await receipt(till, checkout_id, "application/octet-stream")
        assert printer.content == b64decode(answer["receipt"]["escpos_base64"])
        electronic = (await receipt(till, checkout_id, "application/json")).json()
        assert [coupon["code"] for coupon in electronic["coupons"]] == codes
        assert electronic["coupons"][0]["expires_at"] == answer["vouchers"][0]["expires_at"]
        picture = await receipt(till, checkout_id, "image/png, text/*;q=0.5")
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["cache-control"] == "no-store", "it holds codes"
        with Image.open(BytesIO(picture.content)) as seen:
            assert [found.text for found in zxingcpp.read_barcodes(seen) if "-" in found.text] == codes
        narrow = await receipt(till, checkout_id, "text/plain", columns=32)
        assert max(map(len, narrow.text.splitlines())) == 32
        count = till.parts.registry.get_sample_value("offers_receipts_rendered_total", {"form": "text"})
        assert count == 2


async def test_a_paperless_checkout_still_has_its_picture_and_its_e_receipt(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    own = tmp_path / "policies.yaml"
    own.write_text("default: [{how: never}]\n")
    async with open_till(database, tmp_path, print_policies_file=own) as till:
        answer = await till.checkout("one")
        assert (await receipt(till, "one", "text/plain")).text == ""
        assert (await receipt(till, "one", "application/octet-stream")).content == b""
        electronic = (await receipt(till, "one", "application/json")).json()
        assert [(coupon["code"], coupon["on_paper"]) for coupon in electronic["coupons"]] == [
            (answer["vouchers"][0]["code"], False)
        ]
        with Image.open(BytesIO((await receipt(till, "one", "image/png")).content)) as seen:
            assert answer["vouchers"][0]["code"] in {found.text for found in zxingcpp.read_barcodes(seen)}


async def test_only_a_till_of_the_store_gets_it_and_others_do_not_learn_that_it_exists(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    own_key, own = new_key("own", frozenset({"voucher:request"}), store_id="store-1")
    other_key, other = new_key("other", frozenset({"voucher:request"}), store_id="store-2")
    scope_key, scopeless = new_key("scopeless", frozenset({"voucher:redeem"}))
    async with open_till(database, tmp_path, more_callers=[own, other, scopeless]) as till:
        await till.checkout("one")

        async def answered(key: str, checkout_id: str) -> tuple[int, str | None]:
            answer = await till.client.get(f"/v1/checkouts/{checkout_id}/receipt", headers={"X-Api-Key": key})
            return answer.status_code, answer.json().get("title")

        assert await answered(own_key, "one") == (200, None)
        assert await answered(other_key, "one") == (404, "not-found")
        assert await answered(own_key, "two") == (404, "not-found")
        assert await answered(scope_key, "one") == (403, "missing-scope")


async def test_a_form_that_there_is_not_is_said_so(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("one")
        refused = await receipt(till, "one", "application/pdf")
        assert (refused.status_code, refused.json()["title"]) == (406, "not-acceptable")
        assert (await receipt(till, "one", "text/plain", columns=33)).status_code == 422


async def test_pictures_are_drawn_one_at_a_time_and_tills_are_answered_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("one", slots=3)
        pictures = [asyncio.create_task(receipt(till, "one", "image/png")) for _ in range(40)]
        answer = await till.client.post("/v1/checkouts", json=checkout_body("meanwhile"))
        waited = sum(not picture.done() for picture in pictures)
        statuses = [answer.status_code for answer in await asyncio.gather(*pictures)]
        assert answer.json()["tier"] == 0
        assert waited > 0, "the till did not wait for the pictures"
        assert set(statuses) <= {200, 503}
        assert statuses.count(200) >= 32


@pytest.mark.parametrize("checkout_id", ["%00", "a%2Fb", "receipt", "x" * 129, "%F0%9F%A5%9B"])
async def test_odd_names_are_just_not_there(database: Database, tmp_path: Path, checkout_id: str) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        answer = await receipt(till, checkout_id, "*/*")
        assert answer.status_code in {404, 422}


async def test_issued_is_not_printed_and_the_till_says_which(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    own = tmp_path / "policies.yaml"
    own.write_text("default: [{how: ask}]\n")
    async with open_till(database, tmp_path, print_policies_file=own) as till:
        paper_mm = (await till.checkout("one"))["receipt"]["paper_mm"]
        assert await till.rows("SELECT * FROM printings") == [], "200 says that it was issued, nothing of paper"

        async def told(outcome: str, checkout_id: str = "one") -> tuple[int, str | None]:
            answer = await till.client.put(f"/v1/checkouts/{checkout_id}/printed", json={"outcome": outcome})
            return answer.status_code, answer.json().get("outcome")

        assert await told("failed") == (200, "failed")
        assert await told("declined") == (200, "declined")
        assert await told("declined") == (200, "declined")
        assert await told("printed") == (200, "printed"), "the customer came back"
        assert await told("failed") == (200, "printed"), "a late message unprints nothing"
        assert await told("printed", "nobody's") == (404, None)
        assert (await told("eaten"))[0] == 422
        registry = till.parts.registry
        counted = {
            outcome: registry.get_sample_value("offers_receipts_printed_total", {"outcome": outcome})
            for outcome in ("printed", "declined", "failed")
        }
        assert counted == {"printed": 1, "declined": 1, "failed": 1}, "each once, repeats not at all"
        assert registry.get_sample_value("offers_paper_millimetres_total", {"outcome": "declined"}) == paper_mm


async def test_a_signature_scanned_off_picture_or_paper_is_the_answers_and_holds_without_a_network(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(signed="chain")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("one"))["vouchers"][0]
        keys = {
            key["key_id"]: bytes.fromhex(key["public_key"])
            for key in (await till.client.get("/v1/voucher-keys")).json()
        }
        paper = Printer(42).print((await receipt(till, "one", "application/octet-stream")).content).paper
        with Image.open(BytesIO((await receipt(till, "one", "image/png")).content)) as picture:
            for seen in (paper, picture):
                (signed,) = {found.text for found in zxingcpp.read_barcodes(seen) if found.format.name == "QRCode"}
                assert signed == voucher["signed"]
                assert verify(signed, keys, "store-2", till.clock.now().timestamp()).code == voucher["code"]
        electronic = (await receipt(till, "one", "application/json")).json()
        assert electronic["coupons"][0]["signed"] == voucher["signed"]
