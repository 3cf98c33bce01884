"""Every kind of voucher from its campaign to the journal: reserved at its greatest value, given to the cent, told to others."""

import json
from pathlib import Path
from typing import Any

import pytest

from libs.common.persistence import Transactions, make_engine
from services.offers.bootstrap.parts import SERVICE
from services.offers.ports.campaigns.knowledge import Revisions
from services.offers.store.campaigns.knowledge import PostgresKnowledge
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import open_till, tell_world
from tests.support.postgres import Database

KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "percent": ({"percent": 10}, 90),
    "amount": ({"percent": None, "amount_cents": 300}, 300),
    "fixed_price": ({"percent": None, "fixed_price": {"price_cents": 199}}, 101),
    "free_item": ({"percent": None, "free_item": {}}, 300),
    "buy_get": ({"percent": None, "buy_get": {"buy": 1, "percent": 50}}, 150),
    "bundle": (
        {
            "percent": None,
            "bundle": {"parts": [{"category": "milk", "pieces": 2}, {"category": "bread"}], "price_cents": 700},
        },
        200,
    ),
}
LINES = [
    {"line_no": 1, "item_id": "milk-1", "quantity": "3", "amount_cents": 900, "unit": "each"},
    {"line_no": 2, "item_id": "bread-1", "quantity": "0.750", "amount_cents": 300, "unit": "kg"},
]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_reserved_whole_and_gives_to_the_cent(
    database: Database, tmp_path: Path, kind: str
) -> None:
    terms, given_cents = KINDS[kind]
    campaign = a_campaign(kind=kind, categories=["milk"], greatest_value_cents=300, **terms)
    await tell_world(database, campaigns=[campaign], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        (voucher,) = (await till.checkout("checkout"))["vouchers"]
        assert (voucher["kind"], voucher["greatest_value_cents"]) == (kind, 300)
        (row,) = await till.rows(
            "SELECT reserved_cents, kind, percent, amount_cents, terms::text AS terms FROM vouchers"
        )
        assert (row["reserved_cents"], row["kind"]) == (300, kind)
        assert (row["percent"], row["amount_cents"]) == (terms.get("percent"), terms.get("amount_cents"))
        assert (row["terms"] is None) == (kind in ("percent", "amount")), (
            "what a release before reads stays where it is"
        )
        (issued,) = await till.rows(
            "SELECT convert_from(value, 'UTF8') AS value FROM outbox WHERE value LIKE '%%kind%%'"
        )
        assert json.loads(issued["value"])["kind"] == kind

        (kept,) = await till.rows("SELECT body FROM campaigns")
        assert set(kept["body"]) & set(KINDS) <= {kind}, "no field that a release before would refuse"

        basket = {"receipt_id": "sale", "store_id": "store-1", "currency": "USD", "lines": LINES}
        weighed = await till.client.post("/v1/qualifications", json=basket | {"codes": [voucher["code"]]})
        redeemed = await till.redeem(voucher["code"], "r1", lines=LINES, receipt_id="sale")
        assert redeemed["given_cents"] == given_cents == sum(line["discount_cents"] for line in redeemed["lines"])
        assert str(given_cents) in weighed.text, "what was weighed is what is given"
        (budget,) = await till.rows("SELECT reserved_cents, spent_cents FROM budgets")
        assert budget == {"reserved_cents": 0, "spent_cents": given_cents}

        back = await till.client.post("/v1/redemptions/r1/rollback")
        assert (back.json()["returned_cents"], back.json()["good_for_cents"]) == (given_cents, 300)


async def test_a_campaign_of_a_later_release_is_left_out_and_the_others_run_on(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("known"), a_campaign("later")])
    engine = make_engine(database.url("offers"), schema=SERVICE, application_name="test")
    try:
        transactions = Transactions(engine, SERVICE)
        async with transactions.begin() as tx:
            await tx.connection.exec_driver_sql(
                """UPDATE campaigns SET body = body || '{"kind": "riddle"}' WHERE campaign_id = 'later'"""
            )
        changes = await PostgresKnowledge(transactions).changes_since(Revisions())
        assert changes.campaigns is not None
        assert list(changes.campaigns) == ["known"]
    finally:
        await engine.dispose()
