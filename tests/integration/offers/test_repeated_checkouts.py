"""A checkout's id is for one request: the same again is the same bytes, another is told so, at the cost of no statement more."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.offers.ports.privacy import NewErasure
from tests.support.offers_facts import NOW, a_snapshot
from tests.support.offers_running import checkout_body, open_till, tell_world
from tests.support.postgres import Database

TOGETHER = 64


@pytest.mark.parametrize(
    "change",
    [
        {"receipt_id": "another"},
        {"customer": None},
        {"slots": 2},
        {"columns": 32},
        {"total_cents": 251},
        {"lines": [{"line_no": 1, "item_id": "bread-1", "quantity": "2", "amount_cents": 250}]},
        {"store_id": "store-2"},
        {"terminal_id": "7"},
        {"language": "de"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_checkout_s_id_is_for_one_request(database: Database, tmp_path: Path, change: dict[str, Any]) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        body = checkout_body("c1")
        first = await till.client.post("/v1/checkouts", json=body)
        assert len(first.json()["vouchers"]) == 1
        other = await till.client.post("/v1/checkouts", json=body | change)
        assert (other.status_code, other.json()["title"]) == (422, "other-request")
        line = {"line_no": 1, "item_id": "bread-1", "quantity": "1.00", "amount_cents": 250}
        patient = body | {"deadline_ms": 29_000, "lines": [line]}
        assert (await till.client.post("/v1/checkouts", json=patient)).content == first.content, (
            "the same, said otherwise"
        )
        assert await till.rows("SELECT count(*) FROM vouchers") == [{"count": 1}]


async def test_of_checkouts_with_one_id_at_once_those_that_ask_the_same_get_the_same_bytes(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        bodies = [checkout_body("c1"), checkout_body("c1", slots=2)]
        asked = [(number % 2, till) for number, till in enumerate([one, other, other, one] * (TOGETHER // 4))]
        answers = await asyncio.gather(
            *(
                till.client.post("/v1/checkouts", json=bodies[which], headers={"Idempotency-Key": "c1"})
                for which, till in asked
            )
        )
        told = {
            which: {
                (answer.status_code, answer.content)
                for (asked_for, _), answer in zip(asked, answers, strict=True)
                if asked_for == which
            }
            for which in (0, 1)
        }
        assert all(len(answers) == 1 for answers in told.values()), "of either body all get the same"
        assert sorted(status for ((status, _),) in told.values()) == [200, 422]
        slots = 1 if next(iter(told[0]))[0] == 200 else 2
        assert await one.rows("SELECT count(*) FROM vouchers") == [{"count": slots}]


async def test_a_checkout_s_key_is_its_id(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        for key, status in (("c1", 200), ('"c1"', 200), ("c2", 422)):
            answer = await till.client.post("/v1/checkouts", json=checkout_body("c1"), headers={"Idempotency-Key": key})
            assert answer.status_code == status
        assert answer.json()["title"] == "key-not-the-id"
        assert await till.rows("SELECT 1 FROM kept_answers") == [], "its answer holds codes"


async def test_who_is_forgotten_leaves_no_digest_of_what_was_asked(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        first = await till.checkout("c1")
        (stored,) = await till.rows("SELECT customer_id, length(asked) AS bytes FROM decisions")
        assert stored["bytes"] == 16
        erasure = NewErasure(
            erasure_id="e1", customer_ids=[stored["customer_id"]], identifiers=[], erased_at=NOW, noted_at=NOW
        )
        async with till.transaction() as (_, stores):
            await stores.privacy.erase(erasure)
        assert await till.rows("SELECT customer_id, asked FROM decisions") == [{"customer_id": None, "asked": None}]
        assert await till.checkout("c1") == first, "a till that lost the answer still gets it"


async def test_a_checkout_that_a_release_before_answered_is_answered_again(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        first = await till.checkout("c1")
        await till.rows("UPDATE decisions SET asked = NULL RETURNING 1 AS one")
        assert await till.checkout("c1", slots=2) == first
