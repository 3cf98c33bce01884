"""Laws of what a checkout prints: in the customer's words, by the law of the store's country, the same for ever."""

from base64 import b64decode
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from libs.common.contracts.catalog import CatalogStore
from tests.support.escpos_paper import Printer
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, an_event
from tests.support.offers_running import Till, checkout_body, open_till, tell_world
from tests.support.postgres import Database

EURO: dict[str, Any] = {
    "currency": "EUR",
    "titles": {"fr": "Votre habitude, moins cher", "de": "Ihr Übliches, für weniger"},
}


async def a_store_in(till: Till, country: str, time_zone: str, **more: Any) -> None:
    store = CatalogStore(store_id="store-1", name="Store", time_zone=time_zone, country=country, currency="EUR", **more)
    async with till.transaction() as (_, stores):
        await stores.read_model.apply_catalogue([an_event(store, f"to-{country}", NOW + timedelta(seconds=1))], ())
    await till.door.keeper.refresh()


def paper_mm(till: Till, outcome: str) -> float:
    found = till.parts.registry.get_sample_value("offers_paper_millimetres_total", {"outcome": outcome})
    return found or 0.0


async def twice(till: Till, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, which is the same bytes when it is asked for again."""
    first = await till.client.post("/v1/checkouts", json=body)
    again = await till.client.post("/v1/checkouts", json=body)
    assert first.status_code == 200
    assert first.content == again.content
    return dict(first.json())


async def test_a_french_store_asks_first_in_french_and_prints_what_the_answer_holds(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(**EURO)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await a_store_in(till, "FR", "Europe/Paris")
        answer = await twice(till, checkout_body("checkout-1", currency="EUR", slots=2))
        receipt = answer["receipt"]
        assert (receipt["printing"], receipt["language"]) == ("ask", "fr")
        assert receipt["question"] == "Souhaitez-vous imprimer vos 2 bons ?"
        assert "Votre habitude, moins cher" in receipt["text"]
        assert "Valable jusqu'au 24 mars 2026 inclus" in receipt["text"]
        assert "dans la limite de 1,00 €" in receipt["text"]
        paper = Printer(42).print(b64decode(receipt["escpos_base64"]))
        assert paper.qr_codes == [voucher["code"] for voucher in answer["vouchers"]]
        assert paper_mm(till, "asked") == receipt["paper_mm"] > 0, "counted once, not at a repeat"
        assert paper_mm(till, "printed") == 0


async def test_a_customers_language_goes_before_the_countrys(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(**EURO)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await a_store_in(till, "FR", "Europe/Paris")
        receipt = (await twice(till, checkout_body("checkout-1", currency="EUR", language="de-AT")))["receipt"]
        assert receipt["language"] == "de"
        assert "Ihr Übliches, für weniger" in receipt["text"]
        assert "Gültig bis einschließlich" in receipt["text"]
        unknown = await twice(till, checkout_body("checkout-2", currency="EUR", language="xx"))
        assert unknown["receipt"]["language"] == "fr"
        wrong = await till.client.post("/v1/checkouts", json=checkout_body("checkout-3", language="German"))
        assert wrong.status_code == 422


async def test_a_paper_budget_sends_the_rest_to_the_e_receipt_and_a_change_of_policy_changes_no_answer(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    own = tmp_path / "policies.yaml"
    own.write_text("default: [{how: print, greatest_mm: 70}]\n")
    body = checkout_body("checkout-1", slots=3)
    async with open_till(database, tmp_path, print_policies_file=own) as till:
        answer = await twice(till, body)
        receipt = answer["receipt"]
        assert receipt["paper_mm"] <= 70
        assert receipt["e_receipt_only"] == [voucher["voucher_id"] for voucher in answer["vouchers"][1:]]
        assert "2 more vouchers in your e-receipt" in receipt["text"]
        assert receipt["saved_grams"] > 0
        assert paper_mm(till, "printed") == receipt["paper_mm"]
        assert paper_mm(till, "saved") == receipt["saved_mm"]
    own.write_text("default: [{how: never}]\n")
    async with open_till(database, tmp_path, print_policies_file=own) as till:
        assert (await till.client.post("/v1/checkouts", json=body)).json() == answer
        paperless = (await twice(till, checkout_body("checkout-2")))["receipt"]
        assert (paperless["printing"], paperless["text"], paperless["escpos_base64"]) == ("never", "", "")
        assert len(paperless["e_receipt_only"]) == 1


async def test_the_printed_day_is_the_last_on_which_the_code_is_taken(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(validity_days=19)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        answers = [await till.checkout("one"), await till.checkout("two")]
        # Over the change to summer time, in New York: 29 March ends at 4 o'clock UTC.
        assert all("Good through March 29, 2026" in answer["receipt"]["text"] for answer in answers)
        codes = [answer["vouchers"][0]["code"] for answer in answers]
        till.clock.move(timedelta(days=19, hours=12, minutes=59, seconds=59))
        assert (await till.redeem(codes[0], "in-time"))["status"] == "redeemed"
        till.clock.move(timedelta(seconds=1))
        assert (await till.redeem(codes[1], "too-late"))["reason"] == "expired"


async def test_validity_in_opening_days_leaves_out_the_stores_closed_ones(database: Database, tmp_path: Path) -> None:
    campaign = a_campaign(**EURO, validity_days=14, validity_counts="opening_days")
    await tell_world(database, campaigns=[campaign], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await a_store_in(till, "DE", "Europe/Berlin", closed_weekdays=(6,), closed_on=(date(2026, 3, 20),))
        answer = await till.checkout("one", currency="EUR")
        # From Tuesday 10 March: two Sundays and one holiday within.
        assert "27. März 2026" in answer["receipt"]["text"]
        assert answer["vouchers"][0]["expires_at"] == "2026-03-27T23:00:00Z"
