"""Whoever locks several vouchers does so in the order of their ids, as tills do: so nobody waits for each other."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from libs.common.contracts.profile import IdentityChanged
from libs.common.persistence import Transaction
from services.offers.handlers.revocation import LOOKED_AT_TOGETHER
from services.offers.handlers.vouchers.expiry import EXPIRED_TOGETHER
from services.offers.store.feeds import PostgresReadModel
from services.offers.store.leases.leased import PostgresLeases
from services.offers.store.revocation import PostgresRevocations
from services.offers.store.vouchers.expiry import PostgresExpiry
from tests.integration.offers.test_limits_hold import wait_for_waiters
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.offers_facts import NOW, an_event
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database

LOCK = "SELECT FROM vouchers WHERE voucher_id = '{}' FOR UPDATE"


async def expire(tx: Transaction, now: datetime) -> None:
    await PostgresExpiry(tx).expire(now, EXPIRED_TOGETHER)


async def expire_leased(tx: Transaction, now: datetime) -> None:
    await PostgresLeases(tx).expire(now, EXPIRED_TOGETHER)


async def revoke(tx: Transaction, now: datetime) -> None:
    await PostgresRevocations(tx).sweep(now, now, LOOKED_AT_TOGETHER)


async def merge(tx: Transaction, _now: datetime) -> None:
    changed = IdentityChanged(customer_id="old", version=1, now_customer_id="new")
    await PostgresReadModel(tx).apply_identities([an_event(changed, "merge")], ())


Change = Callable[[Transaction, datetime], Awaitable[None]]


async def changed(till: Till, change: Change) -> None:
    """By somebody who is patient."""
    async with till.parts.transactions.begin() as tx:
        await tx.connection.exec_driver_sql("SET LOCAL lock_timeout = '30s'")
        await tx.connection.exec_driver_sql("SET LOCAL statement_timeout = '30s'")
        await change(tx, till.clock.now())


@pytest.mark.parametrize(
    ("state", "end", "ended"),
    [
        ("issued", expire, "expired"),
        ("leased", expire_leased, "expired"),
        ("issued", revoke, "revoked"),
        ("issued", merge, "issued"),
    ],
)
async def test_who_changes_vouchers_and_a_till_that_shows_two_never_wait_for_each_other(
    database: Database, tmp_path: Path, state: str, end: Change, ended: str
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        for place, name in enumerate(("b", "a")):  # the later id was issued first, and ends first
            at = NOW + timedelta(seconds=place)
            request = an_issue_request(f"k{place}", [Wanted(name, "usual", 100, at + timedelta(days=7))], at)
            assert await till.door.issuing.issue(request) == [1]
        await till.rows(f"UPDATE vouchers SET state = '{state}', customer_id = 'old' RETURNING state")  # noqa: S608  # a word of our own
        till.clock.move(timedelta(minutes=1))
        leak = {"revocation_id": "leak", "campaign_id": "usual", "reason": "seen on a coupon site"}
        assert end is not revoke or (await till.client.post("/v1/revocations", json=leak)).status_code == 200
        till.clock.move(timedelta(days=8))
        async with till.parts.transactions.begin() as tx:
            await tx.connection.exec_driver_sql(LOCK.format("a"))
            ending = asyncio.create_task(changed(till, end))
            await wait_for_waiters(till.parts.transactions, 1)
            await tx.connection.exec_driver_sql(LOCK.format("b"))
        await ending
        assert {row["state"] for row in await till.rows("SELECT state FROM vouchers")} == {ended}
        owners = {row["customer_id"] for row in await till.rows("SELECT customer_id FROM vouchers")}
        assert owners == {"new" if end is merge else "old"}
