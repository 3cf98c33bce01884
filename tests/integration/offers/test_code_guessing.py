"""Laws against guessing: the same answer after the same work, and a lock that no process and no parallel request evades."""

import asyncio
import re
import statistics
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import httpx
from sqlalchemy import event

from libs.common.http.credentials import new_key
from services.offers.bootstrap.rounds import misses_round
from services.offers.domain.codes.code import CROCKFORD, CodeKey
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import Till, one_of_each, open_till, redemption_body, tell_world
from tests.support.postgres import Database

PATIENT = {"misses_per_lane": 10_000, "misses_per_store": 10_000, "misses_per_caller": 10_000}
UNKNOWN = CodeKey(b"another chain's key, 32 bytes!!!")


@asynccontextmanager
async def web_shop(database: Database, folder: Path, **changes: Any) -> AsyncIterator[tuple[Till, httpx.AsyncClient]]:
    """A till, and a caller that may redeem and hears no reasons."""
    key, credential = new_key("shop", frozenset({"voucher:redeem"}))
    async with (
        open_till(database, folder, more_callers=[credential], **changes) as till,
        httpx.AsyncClient(
            transport=till.client._transport, base_url="http://offers", headers={"X-Api-Key": key}, timeout=30
        ) as client,
    ):
        yield till, client


async def codes_of_all_kinds(till: Till) -> dict[str, dict[str, Any]]:
    """A redemption's changes by the reason for which it is refused."""
    vouchers = [(await till.checkout(f"checkout-{number}"))["vouchers"][0] for number in range(4)]
    assert (await till.redeem(vouchers[0]["code"], "used"))["status"] == "redeemed"
    async with till.transaction() as (tx, _):
        await tx.connection.exec_driver_sql(
            "UPDATE vouchers SET expires_at = valid_from WHERE voucher_id = $1", (vouchers[1]["voucher_id"],)
        )
    others = [line for line in one_of_each() if not line["item_id"].startswith(vouchers[2]["category"])]
    return {
        "unknown-code": {"code": UNKNOWN.code_of("voucher")},
        "already-redeemed": {"code": vouchers[0]["code"]},
        "expired": {"code": vouchers[1]["code"]},
        "other-currency": {"code": vouchers[2]["code"], "currency": "EUR"},
        "no-eligible-line": {"code": vouchers[2]["code"], "lines": others},
        "issued-on-this-receipt": {"code": vouchers[3]["code"], "receipt_id": "receipt-checkout-3"},
    }


async def test_without_the_right_to_reasons_every_refusal_reads_alike(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with web_shop(database, tmp_path, refusal_floor_ms=0, **PATIENT) as (till, shop):
        refused = await codes_of_all_kinds(till)
        said = [await present(shop, f"try-{place}", changes) for place, changes in enumerate(refused.values())]
        bodies = {answer.content.replace(b"try-%d" % place, b"try") for place, answer in enumerate(said)}
        assert len(bodies) == 1
        for number, (reason, changes) in enumerate(refused.items()):
            here = await present(shop, f"shop-{number}", changes)
            assert {**here.json(), "redemption_id": ""} == {
                "redemption_id": "",
                "status": "refused",
                "reason": "not-valid",
                "voucher_id": None,
                "given_cents": 0,
                "lines": [],
            }
            assert (await present(shop, f"shop-{number}", changes)).content == here.content, "and again"
            assert (await present(till.client, f"till-{number}", changes)).json()["reason"] == reason
            overheard = await present(shop, f"till-{number}", changes)
            assert overheard.json()["reason"] == "not-valid", "nor by repeating what a till asked"
        code = (await till.checkout("fresh"))["vouchers"][0]["code"]
        assert (await present(shop, "good", {"code": code})).json()["status"] == "redeemed"


async def test_every_refusal_asks_the_database_the_same_questions(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with web_shop(database, tmp_path, refusal_floor_ms=0, **PATIENT) as (till, shop):
        refused = await codes_of_all_kinds(till)
        asked: list[str] = []
        event.listen(
            till.parts.engine.sync_engine,
            "before_cursor_execute",
            lambda _c, _k, statement, *_: asked.append(statement),
        )
        seen: dict[str, tuple[str, ...]] = {}
        for reason, changes in refused.items():
            asked.clear()
            await present(shop, f"r-{reason}", changes)
            seen[reason] = tuple(each for each in asked if re.search("code_misses|vouchers|redemptions", each))
        assert len(seen["unknown-code"]) == 8
        assert set(seen.values()) == {seen["unknown-code"]}


async def test_no_refusal_outside_a_till_is_told_before_its_time(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with web_shop(database, tmp_path, refusal_floor_ms=60, **PATIENT) as (till, shop):
        refused = await codes_of_all_kinds(till)
        took: dict[str, list[float]] = {reason: [] for reason in refused}
        for number in range(8):
            for reason, changes in refused.items():
                began = monotonic()
                await present(shop, f"{reason}-{number}", changes)
                took[reason].append(monotonic() - began)
        assert min(min(each) for each in took.values()) >= 0.06
        medians = [statistics.median(each) for each in took.values()]
        assert max(medians) < 3 * min(medians), "coarse: of one size, whatever else the machine does"


async def test_five_unknown_codes_lock_the_lane_and_only_the_lane(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        lane = {"terminal_id": "lane-1"}
        for number in range(5):
            typing_error = {**lane, "code": swapped(code)}
            assert (await present(till.client, f"typed-{number}", typing_error)).json()["reason"] == "unknown-code"
            assert (await present(till.client, f"g-{number}", {**lane, "code": guess(number)})).status_code == 200
        locked = await present(till.client, "locked", {**lane, "code": code})
        assert (locked.status_code, locked.json()["title"]) == (429, "too-many-tries")
        assert locked.headers["Retry-After"] == "300"
        again = await present(till.client, "g-0", {**lane, "code": guess(0)})
        assert again.json()["reason"] == "unknown-code", "what was answered is answered again"
        beside = await present(till.client, "beside", {"terminal_id": "lane-2", "code": guess(9)})
        assert beside.status_code == 200
        till.clock.move(timedelta(seconds=301))
        assert (await present(till.client, "locked", {**lane, "code": code})).json()["status"] == "redeemed"
        assert counted(till, "offers_code_locks_total", presenter="till", subject="lane") == 1
        assert counted(till, "offers_codes_locked_out_total") == 1
        till.clock.move(timedelta(hours=1))
        await misses_round(till.parts)()
        assert await till.rows("SELECT * FROM code_misses") == [], "what locks nobody is forgotten"


async def test_who_changes_the_lane_is_held_by_store_and_key(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with web_shop(database, tmp_path, refusal_floor_ms=0) as (till, shop):
        seen = Counter[int]()
        for number in range(120):
            store_id = f"store-{1 + number // 40}"
            changes = {"code": guess(number), "terminal_id": f"lane-{number}", "store_id": store_id}
            seen[(await present(shop, f"g-{number}", changes)).status_code] += 1
        assert seen[200] == 50, "25 of the first store, 25 of the second, then the key is locked"
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        assert (await till.redeem(code, "good"))["status"] == "redeemed", "the store's tills go on"


async def test_no_burst_over_two_processes_gets_more_looks_than_limit_and_connections(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        answers = await asyncio.gather(
            *(present(till.client, f"g-{n}", {"code": guess(n)}) for n in range(60) for till in ([one, other][n % 2],))
        )
        looks = sum(answer.status_code == 200 for answer in answers)
        assert {answer.status_code for answer in answers} == {200, 429}
        assert looks == 5, "nothing is told beyond the limit"
        tried = await one.rows("SELECT count(*)::int AS tried FROM redemptions")
        assert tried == [{"tried": 5}]


async def test_a_lock_is_kept_when_a_process_restarts(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign()], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        for number in range(5):
            await present(till.client, f"g-{number}", {"code": guess(number)})
    async with open_till(database, tmp_path) as restarted:
        assert (await present(restarted.client, "g-9", {"code": guess(9)})).status_code == 429


async def present(client: httpx.AsyncClient, redemption_id: str, changes: dict[str, Any]) -> httpx.Response:
    body = redemption_body("", redemption_id) | changes
    return await client.post("/v1/redemptions", json=body)


def guess(number: int) -> str:
    """A well-formed code that nobody issued."""
    return UNKNOWN.code_of(f"guess-{number}")


def swapped(code: str) -> str:
    """The code with one other character, which its check character tells."""
    other = Random(3).choice([sign for sign in CROCKFORD if sign != code[0]])
    return other + code[1:]


def counted(till: Till, name: str, **labels: str) -> float | None:
    return till.parts.registry.get_sample_value(name, labels)
