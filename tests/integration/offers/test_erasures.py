"""Being forgotten in offers: the copies go, decisions and vouchers are nobody's, and every sum of money stays as it was."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from libs.common.contracts import Event, decode
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.contracts.profile import IdentityChanged
from libs.common.http.credentials import new_key
from libs.common.persistence.messages import decode_headers
from services.offers.handlers.privacy.forgetting import answer_erasure, on_erasures, unsuppressed
from tests.support.offers_facts import NOW, a_snapshot, an_event, card, customer_of
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database
from tests.support.secrets import PSEUDONYMS

MONEY = "SELECT campaign_id, reserved_cents, spent_cents FROM budgets"
SUMS = "SELECT campaign_id, state, sum(reserved_cents), sum(given_cents), count(*) FROM vouchers GROUP BY 1, 2 ORDER BY 1, 2"


def a_request(erasure_id: str = "e1", at: datetime = NOW) -> Event:
    body = ErasureRequested(
        erasure_id=erasure_id,
        customer_id=customer_of(1),
        customer_ids=(customer_of(1), "an-old-id"),
        identifiers=(PSEUDONYMS.of(card(1)),),
        erased_at=at,
    )
    return an_event(body, erasure_id, at)


async def erase(till: Till) -> None:
    async with till.transaction() as (_, stores):
        await on_erasures(stores.privacy, [a_request()], NOW)


async def answer(till: Till, noted_before: datetime) -> list[Erased]:
    """What was answered when all that was noted before had settled."""
    async with till.transaction() as (_, stores):
        await answer_erasure(stores.privacy, noted_before, NOW)
    rows = await till.rows("SELECT headers, value FROM outbox WHERE topic = 'profile.erased.v1'")
    found = [decode(decode_headers(row["headers"]), row["value"]).data for row in rows]
    return [body for body in found if isinstance(body, Erased)]


async def naming(till: Till, name: str) -> set[str]:
    tables = await till.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'offers'")
    found = set()
    for table in (row["tablename"] for row in tables):
        cells: list[Any] = [v for row in await till.rows(f"SELECT * FROM {table}") for v in row.values()]  # noqa: S608 - our own tables
        if any(name.encode() in (v if isinstance(v, bytes) else str(v).encode()) for v in cells):
            found.add(table)
    return found


async def test_who_is_forgotten_leaves_money_and_vouchers_as_they_were(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot(), a_snapshot(2)])
    async with open_till(database, tmp_path) as till:
        printed = [(await till.checkout(f"k{n}"))["vouchers"][0] for n in range(3)]
        await till.redeem(printed[0]["code"], "q1")
        money, sums = await till.rows(MONEY), await till.rows(SUMS)
        assert {"customers", "decisions", "vouchers"} <= await naming(till, customer_of(1))
        await erase(till)
        # What was on its way before the erasure goes out as it was decided.
        assert await naming(till, customer_of(1)) == {"erasures", "suppressions", "outbox"}
        assert (await till.rows(MONEY), await till.rows(SUMS)) == (money, sums)
        assert (await till.redeem(printed[1]["code"], "q2"))["status"] == "redeemed"
        assert (await till.checkout("k9"))["reason"] == "unknown-customer"
        assert (await till.checkout("k0"))["vouchers"][0]["code"] == printed[0]["code"]
        assert len(await till.rows("SELECT 1 FROM customers")) == 1


async def test_a_checkout_that_was_under_way_is_stripped_before_the_answer(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("before")
        await erase(till)
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([a_snapshot()], ())
        await till.checkout("under-way")
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([], [customer_of(1)])
        assert await answer(till, NOW - timedelta(seconds=1)) == []
        (answered,) = await answer(till, NOW)
        assert (answered.erasure_id, answered.service) == ("e1", "offers")
        assert answered.removed == {"views": 1, "identities": 0, "decisions": 2, "vouchers": 2, "dead_letters": 0}
        assert await naming(till, customer_of(1)) == {"suppressions", "outbox"}


async def test_an_old_view_does_not_bring_a_forgotten_customer_back_and_a_newer_one_does(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await erase(till)
        old = IdentityChanged(customer_id=customer_of(1), version=9, now_customer_id="other")
        newer = a_snapshot(version=11)
        newer = an_event(newer.data.model_copy(update={"as_of": NOW + timedelta(seconds=1)}), "newer")
        events = [a_snapshot(version=10), an_event(old, "old"), a_snapshot(2)]
        async with till.transaction() as (_, stores):
            kept = await unsuppressed(stores.privacy, [*events, newer])
        assert kept == [events[2], newer]


async def test_the_history_of_a_customer_is_for_those_who_may_export_it(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    key, reader = new_key("privacy", frozenset({"privacy:read"}))
    async with open_till(database, tmp_path, more_callers=[reader]) as till:
        printed = (await till.checkout("k1"))["vouchers"][0]
        await till.redeem(printed["code"], "q1")
        way = f"/v1/customers/{customer_of(1)}/history"
        assert (await till.client.get(way)).status_code == 403
        found = (await till.client.get(way, headers={"X-Api-Key": key})).json()
        (decision,), (voucher,) = found["decisions"], found["vouchers"]
        assert (decision["checkout_id"], decision["reason"], decision["tier"]) == ("k1", "offered", 0)
        assert decision["offered"][0]["voucher_id"] == voucher["voucher_id"] == printed["voucher_id"]
        assert (voucher["state"], voucher["redeemed_on"]) == ("redeemed", ["receipt-q1"])
        assert printed["code"] not in str(found)
        await erase(till)
        gone = (await till.client.get(way, headers={"X-Api-Key": key})).json()
        assert (gone["decisions"], gone["vouchers"]) == ([], [])
