"""Laws of redemption: at most once, the same answer again, money to the cent."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Return, Void
from libs.common.contracts.values import ReceiptLine
from services.offers.bootstrap.parts import money_clock_of
from services.offers.handlers.feeds import on_receipts, on_tick
from services.offers.handlers.returns.taking_back import roll_back
from tests.support.offers_facts import NOW, a_campaign, a_snapshot, an_event
from tests.support.offers_running import Till, one_of_each, open_till, redemption_body, tell_world
from tests.support.postgres import Database

PATIENCE_SECONDS = 30.0
GENEROUS = {"greatest_value_cents": 1_000, "open_per_customer": 100, "issued_per_customer": 1_000}


def half_off(**changes: Any) -> Any:
    return a_campaign(percent=50, greatest_value_cents=1_000, guard_rails=GENEROUS, **changes)


async def test_of_fifty_tills_that_redeem_one_code_at_once_one_wins(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        code = (await one.checkout("checkout"))["vouchers"][0]["code"]
        tries = [till.redeem(code, f"r{number}") for number, till in enumerate([one, other] * 25)]
        answers = await asyncio.gather(*tries)
        won = [answer for answer in answers if answer["status"] == "redeemed"]
        assert len(won) == 1
        assert {answer["reason"] for answer in answers if answer not in won} == {"already-redeemed"}
        assert await money(one) == {"reserved": 0, "spent": won[0]["given_cents"], "given": won[0]["given_cents"]}
        events = await one.rows("SELECT count(*) FROM outbox WHERE convert_from(value, 'UTF8') LIKE '%%given_cents%%'")
        assert events == [{"count": 1}]


async def test_the_same_attempt_again_gets_the_same_bytes(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        body = redemption_body(code, "r1")
        answers = await asyncio.gather(*(till.client.post("/v1/redemptions", json=body) for _ in range(10)))
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].json()["status"] == "redeemed"
        same_receipt = await till.redeem(code, "r2", receipt_id=body["receipt_id"])
        assert same_receipt == answers[0].json(), "the first success is the answer, whatever the attempt is called"
        refused = [await till.redeem(code, "r3"), await till.redeem(code, "r3")]
        assert refused[0] == refused[1]
        assert refused[0]["reason"] == "already-redeemed"


@pytest.mark.parametrize(
    "change",
    [
        {"receipt_id": "another"},
        {"lines": one_of_each()[:3]},
        {"lines": [line | {"quantity": "2"} for line in one_of_each()]},
        {"code": "0123-4567-89AB-9"},
        {"currency": "EUR"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_id_that_was_used_for_another_request_is_told_so_and_changes_nothing(
    database: Database, tmp_path: Path, change: dict[str, Any]
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        body = redemption_body(code, "r1")
        first = await till.client.post("/v1/redemptions", json=body)
        answer = await till.client.post("/v1/redemptions", json=body | change)
        assert (answer.status_code, answer.json()["title"]) == (422, "other-request")
        typed = body | {
            "code": code.lower().replace("-", " "),
            "lines": [{**x, "quantity": "1.0"} for x in body["lines"]],
        }
        assert (await till.client.post("/v1/redemptions", json=typed)).content == first.content, (
            "the same, said otherwise"
        )
        held = {key: body[key] for key in ("code", "receipt_id", "store_id", "currency", "lines")} | {"hold_id": "h1"}
        await till.client.post("/v1/holds", json=held)
        assert (await till.client.post("/v1/holds", json=held | change)).json()["title"] == "other-request"
        assert (await money(till))["spent"] == first.json()["given_cents"]


async def test_refusals_are_outcomes(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        wrong = voucher["code"][:-1] + ("0" if voucher["code"][-1] != "0" else "1")
        others = [line for line in one_of_each() if not line["item_id"].startswith(voucher["category"])]
        reasons = {
            "no such code": (await till.redeem("0123-4567-89AB-9", "a"))["reason"],
            "mistyped": (await till.redeem(wrong, "b"))["reason"],
            "same receipt": (await till.redeem(voucher["code"], "c", receipt_id="receipt-checkout"))["reason"],
            "other goods": (await till.redeem(voucher["code"], "d", lines=others))["reason"],
            "other money": (await till.redeem(voucher["code"], "e", currency="EUR"))["reason"],
        }
        assert reasons == {
            "no such code": "unknown-code",
            "mistyped": "unknown-code",
            "same receipt": "issued-on-this-receipt",
            "other goods": "no-eligible-line",
            "other money": "other-currency",
        }
        assert (await till.redeem(voucher["code"].lower().replace("-", ""), "f"))["status"] == "redeemed"


async def test_what_was_not_given_is_free_again(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        line = next(line for line in one_of_each() if line["item_id"].startswith(voucher["category"]))
        answer = await till.redeem(voucher["code"], "r1", lines=[line | {"amount_cents": 199}])
        assert answer["given_cents"] == 19
        assert answer["lines"] == [{"line_no": line["line_no"], "item_id": line["item_id"], "discount_cents": 19}]
        assert await money(till) == {"reserved": 0, "spent": 19, "given": 19}


async def test_a_redemption_that_is_taken_back_makes_the_voucher_good_again(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        assert (await till.redeem(code, "r1"))["status"] == "redeemed"
        answers = [(await till.client.post("/v1/redemptions/r1/rollback")).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert (answers[0]["returned_cents"], answers[0]["good_for_cents"]) == (100, 100)
        assert await money(till) == {"reserved": 100, "spent": 0, "given": 0}
        assert (await till.redeem(code, "r2"))["given_cents"] == 100
        assert (await till.client.post("/v1/redemptions/ghost/rollback")).status_code == 404
        assert (await till.client.post("/v1/redemptions/r1/rollback")).json() == answers[0]
        assert await money(till) == {"reserved": 0, "spent": 100, "given": 100}, "taken back once, not again"


async def test_a_rollback_never_takes_the_budget_above_its_cap(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(cap_cents=100)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        first = (await till.checkout("first"))["vouchers"][0]
        line = next(line for line in one_of_each() if line["item_id"].startswith(first["category"]))
        assert (await till.redeem(first["code"], "r1", lines=[line]))["given_cents"] == 25
        assert (await till.checkout("second"))["reason"] == "budget-exhausted", "75 are left, 100 are needed"
        cheaper = a_campaign(cap_cents=100, greatest_value_cents=60).model_dump(mode="json")
        assert (await till.client.put("/v1/campaigns/usual", json=cheaper)).status_code == 200
        await till.door.keeper.refresh()
        assert len((await till.checkout("third"))["vouchers"]) == 1
        rolled_back = (await till.client.post("/v1/redemptions/r1/rollback")).json()
        assert rolled_back["good_for_cents"] == 40, "100 less the 60 that somebody else holds"
        assert await money(till) == {"reserved": 100, "spent": 0, "given": 0}
        assert (await till.redeem(first["code"], "r2"))["given_cents"] == 40


async def test_a_voucher_ends_with_its_last_day_and_its_reserve_is_free_again(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[a_campaign(validity_days=0)], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = (await till.checkout("checkout", slots=2))["vouchers"]
        till.clock.move(timedelta(hours=12, minutes=59))
        assert (await till.redeem(vouchers[0]["code"], "r1"))["status"] == "redeemed", "23:59 in New York"
        till.clock.move(timedelta(minutes=1))
        assert (await till.redeem(vouchers[1]["code"], "r2"))["reason"] == "expired", "also before the sweep"
        await tick(till, hours=13)
        await tick(till, hours=13)
        assert await money(till) == {"reserved": 0, "spent": 100, "given": 100}
        assert await till.rows("SELECT state FROM vouchers ORDER BY slot") == [
            {"state": "redeemed"},
            {"state": "expired"},
        ]
        told = await till.rows("SELECT value FROM outbox WHERE convert_from(value, 'UTF8') LIKE '%%released_cents%%'")
        assert len(told) == 1


async def test_no_till_revives_a_code_by_stating_an_earlier_time(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign(validity_days=0)], customers=[a_snapshot()])
    async with open_till(database, tmp_path, play_mode=True) as till:
        code = (await till.checkout("checkout", occurred_at=NOW.isoformat()))["vouchers"][0]["code"]
        await tick(till, hours=20)
        assert (await till.redeem(code, "r1", occurred_at=NOW.isoformat()))["reason"] == "expired"


async def test_a_rollback_in_a_play_goes_by_the_play_s_time(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    moment = NOW.isoformat()
    async with open_till(database, tmp_path, play_mode=True) as till:
        till.clock.move(timedelta(days=3_000))
        code = (await till.checkout("checkout", occurred_at=moment))["vouchers"][0]["code"]
        assert (await till.redeem(code, "r1", occurred_at=moment))["status"] == "redeemed"
        await tick(till, hours=24)
        assert (await till.client.post("/v1/redemptions/r1/rollback")).json()["good_for_cents"] == 100
        assert (await till.redeem(code, "r2", occurred_at=moment))["status"] == "redeemed"


async def test_returns_give_the_share_of_each_line_back_once(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[half_off()], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        category = voucher["category"]
        lines = [
            {"line_no": 1, "item_id": f"{category}-1", "quantity": "3", "amount_cents": 300},
            {"line_no": 2, "item_id": f"{category}-2", "quantity": "1", "amount_cents": 101},
        ]
        answer = await till.redeem(voucher["code"], "r1", receipt_id="sale", lines=lines)
        assert [line["discount_cents"] for line in answer["lines"]] == [150, 50]
        one = a_return("return-1", "sale", [(f"{category}-1", "1")])
        await hand(till, [one, one])
        assert await money(till) == {"reserved": 0, "spent": 150, "given": 150}
        await hand(till, [one, a_return("return-2", "sale", [(f"{category}-1", "5"), (f"{category}-2", "1")])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}
        await hand(till, [a_return("return-3", "sale", [(f"{category}-1", "1")]), a_return("return-4", "unknown", [])])
        assert await money(till) == {"reserved": 0, "spent": 0, "given": 0}


async def test_a_return_that_comes_again_after_a_restart_gives_nothing_more_back(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, campaigns=[half_off()], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        item = f"{voucher['category']}-1"
        line = {"line_no": 1, "item_id": item, "quantity": "3", "amount_cents": 300}
        await till.redeem(voucher["code"], "r1", receipt_id="sale", lines=[line])
        back = a_return("return-1", "sale", [(item, "1")])
        await hand(till, [back])
    async with open_till(database, tmp_path) as restarted:
        await hand(restarted, [back])
        assert await money(restarted) == {"reserved": 0, "spent": 100, "given": 100}


@pytest.mark.parametrize("then", ["left", "redeemed elsewhere"])
async def test_a_return_that_waits_for_a_rollback_finds_nothing_to_give_back(
    database: Database, tmp_path: Path, then: str
) -> None:
    await tell_world(database, campaigns=[half_off()], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        voucher = (await till.checkout("checkout"))["vouchers"][0]
        item = f"{voucher['category']}-1"
        line = {"line_no": 1, "item_id": item, "quantity": "1", "amount_cents": 300}
        await till.redeem(voucher["code"], "r1", receipt_id="sale", lines=[line])
        clock = money_clock_of(till.parts)
        async with till.transaction() as (_, stores):
            await roll_back(stores.redemptions, "r1", clock)
            returning = asyncio.create_task(hand(till, [a_return("return-1", "sale", [(item, "1")])]))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await till.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                    assert not returning.done()
        if then == "redeemed elsewhere":
            assert (await till.redeem(voucher["code"], "r2", receipt_id="other", lines=[line]))["given_cents"] == 150
        await returning
        open_again = {"reserved": 1_000, "spent": 0, "given": 0}
        assert await money(till) == (open_again if then == "left" else {"reserved": 0, "spent": 150, "given": 150})


async def test_a_voided_receipt_takes_its_redemptions_back(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[half_off()], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        vouchers = (await till.checkout("checkout", slots=2))["vouchers"]
        for number, voucher in enumerate(vouchers):
            assert (await till.redeem(voucher["code"], f"r{number}", receipt_id="sale"))["status"] == "redeemed"
        void = an_event(Void(receipt_id="void", store_id="store-1", currency="USD", voided_receipt_id="sale"), "void")
        await hand(till, [void])
        await hand(till, [void])
        assert await money(till) == {"reserved": 2_000, "spent": 0, "given": 0}
        assert (await till.redeem(vouchers[0]["code"], "again", receipt_id="sale-2"))["status"] == "redeemed"


async def money(till: Till) -> dict[str, int]:
    """What the budgets say; it must be what the vouchers say."""
    booked = await till.rows("SELECT sum(reserved_cents)::int AS reserved, sum(spent_cents)::int AS spent FROM budgets")
    held = await till.rows("SELECT sum(reserved_cents)::int AS reserved, sum(given_cents)::int AS given FROM vouchers")
    assert booked[0]["reserved"] == held[0]["reserved"]
    return {**booked[0], "given": held[0]["given"]}


async def tick(till: Till, *, hours: int) -> None:
    async with till.transaction() as (_, stores):
        ticked = an_event(PlayTicked(reached_at=NOW + timedelta(hours=hours)), f"tick-{hours}")
        await on_tick(stores, [ticked], till.parts.metrics)


async def hand(till: Till, events: Sequence[Event]) -> None:
    async with till.transaction() as (_, stores):
        await on_receipts(stores, events, money_clock_of(till.parts))


def a_return(receipt_id: str, original_receipt_id: str, items: Sequence[tuple[str, str]]) -> Event:
    lines = tuple(
        ReceiptLine(line_no=number, item_id=item_id, quantity=Decimal(quantity), amount_cents=1)
        for number, (item_id, quantity) in enumerate(items or [("ghost", "1")], 1)
    )
    fact = Return(
        receipt_id=receipt_id,
        store_id="store-1",
        currency="USD",
        original_receipt_id=original_receipt_id,
        lines=lines,
        total_cents=len(lines),
    )
    return an_event(fact, receipt_id)
