"""Repeats over real sockets to a real process: many at once, many in one packet, and after a kill between commit and answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.offers.domain.repeating import name_of
from tests.support.offers_facts import a_campaign
from tests.support.offers_process import KEY_ID, DoorProcess, Withholding, a_door
from tests.support.offers_running import checkout_body, redemption_body, tell_world
from tests.support.postgres import Database

pytestmark = pytest.mark.faults

TOGETHER = 64
PATIENCE_SECONDS = 150.0
COMMIT = b"COMMIT;"


@asynccontextmanager
async def rows_of(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url().replace("+asyncpg", ""))
    try:
        await connection.execute("SET search_path TO offers")
        yield connection
    finally:
        await connection.close()


async def codes(door: DoorProcess, count: int) -> list[str]:
    """So many vouchers, a checkout each."""
    found = []
    for number in range(count):
        body = checkout_body(f"first-{number}", customer=None)
        told = await door.ask(door.request("POST", "/v1/checkouts", body))
        found += [voucher["code"] for voucher in told.json["vouchers"]]
    assert len(found) == count
    return found


def redemptions(door: DoorProcess, code: str, name: str, *, keyed: bool) -> list[bytes]:
    """The same code on as many receipts, under as many ids."""
    ids = [f"{name}-{number}" for number in range(TOGETHER)]
    return [door.request("POST", "/v1/redemptions", redemption_body(code, one), one if keyed else None) for one in ids]


async def test_of_one_code_in_many_redemptions_one_wins_however_they_come(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with a_door(database.url("offers"), tmp_path) as door, rows_of(database) as rows:
        for number, code in enumerate(await codes(door, 4), 1):
            requests = redemptions(door, code, f"{number}", keyed=number % 2 == 0)
            send = door.ask_in_one_packet if number <= 2 else door.ask_at_once
            answers = await send(requests)
            assert {answer.status for answer in answers} == {200}
            assert Counter(answer.json["reason"] for answer in answers) == {
                "redeemed": 1,
                "already-redeemed": TOGETHER - 1,
            }
            assert await rows.fetchval("SELECT count(*) FROM journal WHERE move = 'redeem'") == number
        await books_agree(rows)


async def test_of_one_request_many_times_one_has_the_effect_however_they_come(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with a_door(database.url("offers"), tmp_path) as door, rows_of(database) as rows:
        one, other = await codes(door, 2)
        held = redemption_body(one, "x") | {"hold_id": "held", "seconds": 60}
        del held["redemption_id"]
        requests = {
            "redemption": door.request("POST", "/v1/redemptions", redemption_body(other, "r1"), "k1"),
            "hold": door.request("POST", "/v1/holds", held, "k2"),
            "extension": door.request("POST", "/v1/holds/held/extension", {"seconds": 500}, "k3"),
            "checkout": door.request("POST", "/v1/checkouts", checkout_body("c1", customer=None), "c1"),
            "campaign": door.request("PUT", "/v1/campaigns/usual", campaign("New"), "k4"),
            "rollback": door.request("POST", "/v1/redemptions/r1/rollback", None, "k5"),
        }
        for name, request in requests.items():
            packet = await door.ask_in_one_packet([request] * TOGETHER)
            assert {(answer.status, answer.body) for answer in packet} == {(200, packet[0].body)}, name
            together = await door.ask_at_once([request] * TOGETHER)
            assert {(answer.status, answer.body) for answer in together} == {(200, packet[0].body)}, name
        fresh = door.request("POST", "/v1/redemptions", redemption_body(other, "r2"), "k6")
        answers = await door.ask_at_once([fresh] * TOGETHER)
        assert {answer.status for answer in answers} <= {200, 409}
        assert len({answer.body for answer in answers if answer.status == 200}) == 1
        assert {answer.headers.get("retry-after") for answer in answers if answer.status == 409} <= {"1"}
        moves = Counter(row["move"] for row in await rows.fetch("SELECT move FROM journal"))
        assert (moves["issue"], moves["redeem"], moves["reverse"]) == (3, 2, 1)
        assert await rows.fetchval("SELECT count(*) FROM campaigns") == 2
        await books_agree(rows)


async def test_a_fault_of_ours_has_no_effect_and_its_key_is_free_again(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with a_door(database.url("offers"), tmp_path) as door, rows_of(database) as rows:
        (code,) = await codes(door, 1)
        request = door.request("POST", "/v1/redemptions", redemption_body(code, "r1"), "k1")
        await rows.execute("ALTER TABLE redemption_lines RENAME TO away")
        told = await door.ask(request)
        assert (told.status, told.json["title"]) == (500, "unforeseen")
        assert await rows.fetchval("SELECT count(*) FROM redemptions") == 0
        await rows.execute("ALTER TABLE away RENAME TO redemption_lines")
        assert (await door.ask(request)).json["status"] == "redeemed"
        await books_agree(rows)


def campaign(title: str) -> dict[str, Any]:
    return a_campaign(title=title).model_dump(mode="json")


@dataclass(frozen=True)
class Death:
    """A write with its key during which the door dies, and how to see that it is committed."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    key: str
    named: bytes
    """What the door says to the database in the write's transaction and nowhere else."""
    committed: str
    then: bytes = COMMIT


@dataclass
class Lost:
    """A request that heard no answer, and the answer, as soon as it is known."""

    death: Death
    request: bytes
    answer: bytes | None


def deaths(code: str) -> Sequence[Death]:
    return (
        Death(
            *("POST", "/v1/redemptions", redemption_body(code, "redeemed-in-vain"), "k1", b"redeemed-in-vain"),
            "SELECT count(*) FROM journal WHERE move = 'redeem' AND cause_id = 'redeemed-in-vain'",
        ),
        Death(
            *("POST", "/v1/redemptions/before-the-kill/rollback", None, "k2", b"before-the-kill"),
            "SELECT count(*) FROM journal WHERE move = 'reverse'",
        ),
        Death(
            *("POST", "/v1/holds/held-before/extension", {"seconds": 500}, "k3", b"held-before"),
            "SELECT count(*) FROM vouchers WHERE held_until > now() + interval '7 minutes'",
        ),
        Death(
            *("PUT", "/v1/campaigns/usual", campaign("Put in vain"), "k4", b"Put in vain"),
            "SELECT count(*) FROM campaigns WHERE version = 2",
        ),
        Death(
            *(
                "POST",
                "/v1/checkouts",
                checkout_body("asked-in-vain", customer=None),
                "asked-in-vain",
                b"asked-in-vain",
            ),
            "SELECT count(*) FROM vouchers WHERE checkout_id = 'asked-in-vain'",
            b"offers.decisions.v1",
        ),
    )


async def test_who_heard_no_answer_because_the_door_was_killed_after_its_commit_gets_it_from_the_next(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with rows_of(database) as rows, AsyncExitStack() as doors:
        door = await doors.enter_async_context(a_door(database.url("offers"), tmp_path))
        one, before, held = await codes(door, 3)
        hold = redemption_body(held, "x") | {"hold_id": "held-before", "seconds": 60}
        del hold["redemption_id"]
        for name, asked in (("redemptions", redemption_body(before, "before-the-kill")), ("holds", hold)):
            assert (await door.ask(door.request("POST", f"/v1/{name}", asked))).status == 200
        door.kill()
        lost: list[Lost] = []
        for death in deaths(one):
            way = Withholding(death.named, death.then)
            address = await doors.enter_async_context(way.before(database.url("offers")))
            door = await doors.enter_async_context(a_door(address, tmp_path))
            await answers_what_was_lost(door, lost, rows)
            await dies_in(death, door, way, rows)
            kept = await rows.fetchval("SELECT answer FROM kept_answers WHERE name = $1", name_of(KEY_ID, death.key))
            assert (kept is None) == (death.path == "/v1/checkouts"), "kept with the effect; of codes nothing is"
            lost.append(Lost(death, door.request(death.method, death.path, death.body, death.key), kept))
        for _ in range(2):
            door = await doors.enter_async_context(a_door(database.url("offers"), tmp_path))
            await answers_what_was_lost(door, lost, rows)
            door.kill()
        await books_agree(rows)


async def dies_in(death: Death, door: DoorProcess, way: Withholding, rows: asyncpg.Connection) -> None:
    """Kill the door when the write is committed, which it does not know yet."""
    assert await rows.fetchval(death.committed) == 0
    async with door.connected() as connection:
        connection.writer.write(door.request(death.method, death.path, death.body, death.key))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await way.withheld.wait()
            while await rows.fetchval(death.committed) == 0:
                assert not connection.reader.at_eof()
        door.kill()
        assert await connection.reader.read() == b"", "nothing was answered"


async def answers_what_was_lost(door: DoorProcess, lost: Sequence[Lost], rows: asyncpg.Connection) -> None:
    """One effect, and the same bytes as often as they are asked for: those that were committed with it."""
    for each in lost:
        again = [*await door.ask_in_one_packet([each.request] * 3), *await door.ask_at_once([each.request] * 3)]
        each.answer = each.answer or again[0].body
        assert {(answer.status, answer.body) for answer in again} == {(200, each.answer)}, each.death.path
        assert await rows.fetchval(each.death.committed) == 1, each.death.path


async def books_agree(rows: asyncpg.Connection) -> None:
    """Journal and budget tell the same, to the cent."""
    differences = await rows.fetch("""
        SELECT campaign_id FROM budgets JOIN (
            SELECT campaign_id, count(*) AS transfers,
                   sum(amount_cents * ((to_account = 'reserved')::int - (from_account = 'reserved')::int)) AS reserved,
                   sum(amount_cents * ((to_account = 'spent')::int - (from_account = 'spent')::int)) AS spent
            FROM journal GROUP BY campaign_id) AS journal USING (campaign_id)
        WHERE (reserved_cents, spent_cents, budgets.transfers) IS DISTINCT FROM (reserved, spent, journal.transfers)
    """)
    assert differences == []
