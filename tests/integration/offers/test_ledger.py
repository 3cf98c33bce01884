"""Laws of the books: complete whoever moves money, never changed, to the cent what every budget says, open to auditors."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError

from services.offers.handlers.money.ledger import check_books
from services.offers.handlers.vouchers.expiry import expire_vouchers
from services.offers.metrics import OffersMetrics
from services.offers.store.money.ledger import PostgresLedger
from tests.support.offers_facts import NOW, a_campaign, a_snapshot
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database

LIFE = [
    ("fund", "funder", "available", 1_000_000),
    ("issue", "available", "reserved", 100),
    ("issue", "available", "reserved", 100),
    ("redeem", "reserved", "spent", 25),
    ("release", "reserved", "available", 75),
    ("redeem", "reserved", "spent", 25),
    ("release", "reserved", "available", 75),
    ("reverse", "spent", "available", 25),
    ("reopen", "available", "reserved", 100),
    ("expire", "reserved", "available", 100),
    ("withdraw", "available", "funder", 999_900),
]
"""What `a_life` posts, move by move."""


async def a_life(till: Till) -> None:
    """Two vouchers: one redeemed for good; one redeemed, taken back, and expired; then the budget is lowered."""
    vouchers = [(await till.checkout(f"k{number}"))["vouchers"][0] for number in range(2)]
    for number, voucher in enumerate(vouchers):
        line = {"line_no": 1, "item_id": f"{voucher['category']}-1", "quantity": "1", "amount_cents": 250}
        assert (await till.redeem(voucher["code"], f"r{number}", lines=[line]))["given_cents"] == 25
    assert (await till.client.post("/v1/redemptions/r1/rollback")).status_code == 200
    async with till.transaction() as (_, stores):
        assert await expire_vouchers(stores.expiry, NOW + timedelta(days=400), till.parts.metrics) == 1
    lower = a_campaign(cap_cents=100).model_dump(mode="json")
    assert (await till.client.put("/v1/campaigns/usual", json=lower)).status_code == 200


async def checked(till: Till) -> tuple[int, float | None, float | None]:
    """How many campaigns disagree, and what the gauges say of the one there is."""
    registry = CollectorRegistry()
    async with till.parts.transactions.begin() as tx:
        wrong = await check_books(PostgresLedger(tx), OffersMetrics(registry), NOW)
    cents = registry.get_sample_value("offers_ledger_difference_cents", {"campaign": "usual", "currency": "USD"})
    return wrong, cents, registry.get_sample_value("offers_ledger_missing_transfers", {"campaign": "usual"})


async def run(till: Till, statement: str) -> None:
    async with till.transaction() as (tx, _):
        await tx.connection.exec_driver_sql(statement)


async def test_every_move_of_a_voucher_is_in_the_books(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await a_life(till)
        posted = await till.rows("SELECT * FROM journal ORDER BY number")
        assert [
            tuple(row[name] for name in ("move", "from_account", "to_account", "amount_cents")) for row in posted
        ] == LIFE
        assert [row["number"] for row in posted] == list(range(1, len(LIFE) + 1))
        assert [row["cause_id"] for row in posted[1:9]] == ["k0", "k1", "r0", "r0", "r1", "r1", "r1", "r1"]
        assert len({row["voucher_id"] for row in posted[1:10]}) == 2
        assert {row["occurred_at"] for row in posted[1:9]} == {NOW}
        books = (await till.client.get("/v1/ledger")).json()
        assert books == [(await till.client.get("/v1/ledger/usual")).json()]
        assert books[0] == {
            "campaign_id": "usual",
            "currency": "USD",
            "balances_cents": {
                "funder": -100,
                "available": 75,
                "reserved": 0,
                "spent": 25,
                "leased": 0,
                "lost": 0,
                "backing": 0,
            },
            "transfers": len(LIFE),
            "agree": True,
            "difference_cents": 0,
            "missing": 0,
        }


async def test_auditors_read_all_of_it_page_by_page_or_as_one_file(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await a_life(till)
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await till.client.get("/v1/ledger/usual/transfers", params={"after": after, "limit": 4})
            found += page.json()["transfers"]
            after = page.json()["next_after"]
        assert [(t["move"], t["from_account"], t["to_account"], t["amount_cents"]) for t in found] == LIFE
        file = await till.client.get("/v1/ledger/usual/transfers.csv")
        assert file.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(file.text)))
        assert rows == [{name: "" if value is None else str(value) for name, value in t.items()} for t in found]
        for path in ("ghost", "ghost/transfers", "ghost/transfers.csv"):
            assert (await till.client.get(f"/v1/ledger/{path}")).status_code == 404


async def test_a_release_before_the_books_leaves_them_whole_all_the_same(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await run(till, "UPDATE budgets SET reserved_cents = reserved_cents + 30")
        await run(
            till, "UPDATE budgets SET reserved_cents = reserved_cents - 30, spent_cents = 20, cap_cents = cap_cents + 7"
        )
        await run(till, "INSERT INTO budgets (campaign_id, currency, cap_cents) VALUES ('older', 'USD', 50)")
        unstated = await till.rows("SELECT * FROM journal WHERE move = 'unstated' ORDER BY campaign_id, number")
        assert [
            (row["campaign_id"], row["from_account"], row["to_account"], row["amount_cents"]) for row in unstated
        ] == [
            ("older", "funder", "available", 50),
            ("usual", "available", "reserved", 30),
            ("usual", "funder", "available", 7),
            ("usual", "reserved", "available", 30),
            ("usual", "available", "spent", 20),
        ]
        assert (await checked(till))[0] == 0


@pytest.mark.parametrize("change", ["UPDATE journal SET amount_cents = 1", "DELETE FROM journal", "TRUNCATE journal"])
async def test_what_is_in_the_books_stays(database: Database, tmp_path: Path, change: str) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        with pytest.raises(DBAPIError, match="only ever added to"):
            await run(till, change)


async def test_whoever_gets_past_the_guards_is_seen_and_stays_seen(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await till.checkout("k0")
        assert await checked(till) == (0, 0, 0)
        await till.checkout("k1")
        forgery = "ALTER TABLE journal DISABLE TRIGGER USER; {} ALTER TABLE journal ENABLE TRIGGER USER"
        await _forge(database, forgery.format("UPDATE journal SET amount_cents = 99 WHERE number = 3;"))
        assert await checked(till) == await checked(till) == (1, 2, 0)
        await _forge(database, forgery.format("DELETE FROM journal WHERE number = 3;"))
        assert await checked(till) == await checked(till) == (1, 200, 1)
        assert (await till.client.get("/v1/ledger/usual")).json()["agree"] is False
        posted = "INSERT INTO journal VALUES ('usual', 3, 'issue', 'available', 'reserved', 100, 'v', 'k1', now())"
        await _forge(database, posted)
        assert await checked(till) == (0, 0, 0)
        sums = await till.rows("SELECT number, reserved_cents FROM journal_sums")
        assert sums == [{"number": 3, "reserved_cents": 200}]


async def _forge(database: Database, statements: str) -> None:
    """As somebody with the rights of an owner."""
    connection = await asyncpg.connect(database.url().replace("+asyncpg", ""))
    try:
        await connection.execute(f"SET search_path TO offers; {statements}")
    finally:
        await connection.close()
