"""The till never waits: whatever becomes of the database, a checkout is answered in time, and money stays right."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from libs.laptop.embedded_postgres import EmbeddedPostgres
from tests.support.offers_facts import a_snapshot
from tests.support.offers_running import Till, checkout_body, next_id, open_till, redemption_body, tell_world
from tests.support.postgres import Database
from tests.support.standstill import stand_still
from tests.support.stopwatch import stopwatch

pytestmark = pytest.mark.faults

DEADLINE_MS = 300
GRACE_SECONDS = 0.5  # the test and its client run in the same process as the door
SHORT: dict[str, Any] = {"write_deadline_seconds": 0.5, "statement_seconds": 0.5}
PATIENCE_SECONDS = 60.0


@pytest.fixture
def stoppable(postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The server, awake again afterwards, whatever a test did to it."""
    yield postgres
    for process in processes_of(postgres):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def processes_of(server: EmbeddedPostgres) -> list[int]:
    """The postmaster and all that it started."""
    postmaster = psutil.Process(server.child.process.pid)
    return [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]


@asynccontextmanager
async def stopped(server: EmbeddedPostgres) -> AsyncIterator[None]:
    """Every process of the server stands still: connections stay open, nothing answers."""
    pids = processes_of(server)
    stand_still(pids)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


async def timed(till: Till, checkout_id: str, **changes: Any) -> tuple[float, dict[str, Any]]:
    """How long it took by a stopwatch, and what was answered."""
    with stopwatch() as watch:
        answer = await till.checkout(checkout_id, deadline_ms=DEADLINE_MS, **changes)
        return watch.seconds, answer


async def works_again(till: Till) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await till.checkout(next_id("back"))
            if answer["tier"] == 0:
                return answer
            await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.1)


async def test_a_stopped_database_costs_the_voucher_and_never_the_deadline(
    database: Database, stoppable: EmbeddedPostgres, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, **SHORT) as till:
        await works_again(till)
        async with stopped(stoppable):
            for _ in range(4):
                burst = await asyncio.gather(*(timed(till, next_id("away")) for _ in range(8)))
                assert max(took for took, _ in burst) < DEADLINE_MS / 1000 + GRACE_SECONDS
                assert {answer["tier"] for _, answer in burst} == {3}
                assert all(answer["retryable"] and not answer["vouchers"] for _, answer in burst)
            took, answer = await timed(till, next_id("refused-at-once"))
            assert answer["reason"] == "database-away", "once the connection is given up nobody waits for it any more"
            assert took < DEADLINE_MS / 1000 / 2
        await works_again(till)
        booked = await till.rows("SELECT reserved_cents FROM budgets")
        assert booked == await till.rows("SELECT sum(reserved_cents)::int AS reserved_cents FROM vouchers")


async def test_a_checkout_whose_commit_was_given_up_gets_its_one_set_of_vouchers_when_it_asks_again(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, statement_seconds=1.0) as till:
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql("SELECT FROM budgets FOR UPDATE")
            took, answer = await timed(till, "given-up")
            assert (answer["tier"], answer["reason"]) == (3, "deadline")
            assert took < DEADLINE_MS / 1000 + GRACE_SECONDS
        await works_again(till)
        again = await till.checkout("given-up")
        assert again["tier"] == 0
        assert again == await till.checkout("given-up")
        found = await till.rows("SELECT count(*) FROM vouchers WHERE checkout_id = 'given-up'")
        assert found == [{"count": 1}]


async def test_a_slow_lock_costs_nobody_more_than_the_deadline(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, **SHORT) as till:
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql("LOCK TABLE vouchers")
            burst = await asyncio.gather(*(timed(till, next_id("slow")) for _ in range(8)))
            assert max(took for took, _ in burst) < DEADLINE_MS / 1000 + GRACE_SECONDS
            assert {answer["tier"] for _, answer in burst} == {3}
        await works_again(till)


async def test_a_killed_connection_is_replaced(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, **SHORT) as till:
        await works_again(till)
        await till.rows("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'offers-checkouts' AND datname = current_database()
        """)
        assert (await works_again(till))["tier"] == 0


async def test_a_redemption_that_cannot_be_kept_is_not_promised(
    database: Database, stoppable: EmbeddedPostgres, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, **SHORT) as till:
        code = (await works_again(till))["vouchers"][0]["code"]
        async with stopped(stoppable):
            body = {**checkout_body("x"), "redemption_id": "r1", "code": code, "receipt_id": "sale"}
            for extra in ("checkout_id", "customer", "total_cents", "deadline_ms"):
                body.pop(extra)
            answer = await till.client.post("/v1/redemptions", json=body)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        await works_again(till)
        assert (await till.redeem(code, "r1"))["status"] == "redeemed"


async def test_a_keyed_write_that_cannot_be_kept_is_not_promised_and_is_done_once_when_it_comes_again(
    database: Database, stoppable: EmbeddedPostgres, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, **SHORT) as till:
        body = redemption_body((await works_again(till))["vouchers"][0]["code"], "r1")
        keyed = {"Idempotency-Key": '"once"'}
        async with stopped(stoppable):
            answer = await till.client.post("/v1/redemptions", json=body, headers=keyed)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        await works_again(till)
        answers = [await till.client.post("/v1/redemptions", json=body, headers=keyed) for _ in range(2)]
        assert answers[0].json()["status"] == "redeemed"
        assert answers[0].content == answers[1].content
        assert await till.rows("SELECT count(*) FROM journal WHERE move = 'redeem'") == [{"count": 1}]
