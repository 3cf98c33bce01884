"""PostgreSQL is restarted while nobody asks anything: whoever asks first afterwards is answered as if nothing had been."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response

from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.profile.handlers.intake import own_customer_id
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import Till, next_id, open_till, tell_world
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import a_sale, card
from tests.support.profile_running import running_profile
from tests.support.secrets import PSEUDONYMS

pytestmark = pytest.mark.faults
AT_ONCE = 8
"""More than a pool has connections, so that each of them is met."""
IDLE: dict[str, Any] = {"refresh_seconds": 3_600.0, "statement_seconds": 30.0, "write_deadline_seconds": 30.0}
"""Nothing but the test asks the database, and what it asks is not given up on a busy machine."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """One of this test's own."""
    own = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    await own.start()
    yield own
    await own.stop()


async def restarted(server: EmbeddedPostgres, end: str) -> None:
    await (server.stop() if end == "stopped" else server.kill())
    await server.start()


async def checkouts(till: Till) -> Sequence[dict[str, Any]]:
    """Each of a customer of its own: one alone who comes so often is asked about."""
    cards = [card(number).model_dump(mode="json") for number in range(1, AT_ONCE + 1)]
    return await asyncio.gather(*(till.checkout(next_id("restart"), customer=each) for each in cards))


async def campaigns(till: Till) -> Sequence[Response]:
    return await asyncio.gather(*(till.client.get("/v1/campaigns") for _ in range(AT_ONCE)))


@pytest.mark.parametrize("end", ["stopped", "killed"])
async def test_no_till_is_told_that_the_database_was_restarted(
    server: EmbeddedPostgres, tmp_path: Path, end: str
) -> None:
    database = Database(server, "usual")
    await tell_world(database, customers=[a_snapshot(number) for number in range(1, AT_ONCE + 1)])
    async with open_till(database, tmp_path, **IDLE) as till:
        codes = [answer["vouchers"][0]["code"] for answer in await checkouts(till)]
        assert {answer.status_code for answer in await campaigns(till)} == {200}
        await restarted(server, end)
        assert {(answer["tier"], answer["reason"]) for answer in await checkouts(till)} == {(0, "offered")}
        redeemed = await asyncio.gather(*(till.redeem(code, f"r-{code}") for code in codes))
        assert {answer["status"] for answer in redeemed} == {"redeemed"}
        await restarted(server, end)
        undone = [till.client.post(f"/v1/redemptions/r-{code}/rollback") for code in codes]
        assert {answer.status_code for answer in await asyncio.gather(*undone)} == {200}
        await restarted(server, end)
        assert {answer.status_code for answer in await campaigns(till)} == {200}
        await restarted(server, end)
        put = await till.client.put("/v1/campaigns/usual", json=a_campaign().model_dump(mode="json"))
        assert put.is_success, put.text


@pytest.mark.parametrize("end", ["stopped", "killed"])
async def test_nobody_who_asks_for_a_profile_is_told_that_the_database_was_restarted(
    server: EmbeddedPostgres, tmp_path: Path, end: str
) -> None:
    who = PSEUDONYMS.of(card(1))
    customer = f"/v1/customers/{own_customer_id(who.key)}"
    scopes = ("customers:read", "views:read", "segments:read", "segments:write", "privacy:write")
    async with running_profile(Database(server, "usual")) as profile, asking(profile, tmp_path, *scopes) as client:
        await profile.take([a_sale("r1", who)])
        await profile.fold_all()
        for path in (customer, f"{customer}/health", f"{customer}/next-basket", "/v1/segments"):
            await all_well(client, [path] * AT_ONCE)
            await restarted(server, end)
            await all_well(client, [path] * AT_ONCE)
        await restarted(server, end)
        await profile.take([a_sale("r2", who, day=1)])
        await profile.fold_all()
        await restarted(server, end)
        erased = await client.post(f"{customer}/erasure")
        assert erased.status_code == 202, erased.text


async def all_well(client: AsyncClient, paths: Sequence[str]) -> None:
    asked: list[Awaitable[Response]] = [client.get(path) for path in paths]
    for answer in await asyncio.gather(*asked):
        assert answer.status_code == 200, answer.text
