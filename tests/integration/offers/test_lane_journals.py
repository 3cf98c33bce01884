"""Journals of lanes as they come in: again, all at once, under keys, and with entries that are none."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.integration.offers.test_offline_lanes import CATEGORY_OF, HOUR, balances, conflicts, lane_of, printed, told
from tests.support.offers_facts import NOW, a_snapshot
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.offline_lanes import an_offline_campaign
from tests.support.postgres import Database


async def test_the_same_journal_sent_by_many_at_once_counts_once(database: Database, tmp_path: Path) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lanes = [await lane_of(till, tmp_path, f"lane-{number}") for number in range(2)]
        vouchers = [await printed(till, f"k{number}") for number in range(3)]
        for lane in lanes:
            await lane.lend()
            for voucher in vouchers:
                lane.accept(voucher, at=NOW + HOUR)
        bodies = [body for lane in lanes for body in lane.till.pending()]
        backwards = [{**body, "entries": body["entries"][::-1]} for body in bodies]
        answers = await asyncio.gather(*(until_answered(till, body) for body in (bodies + backwards) * 3))
        said: dict[str, set[str]] = {}
        for outcomes in answers:
            for outcome in outcomes:
                said.setdefault(outcome["redemption_id"], set()).add(json.dumps(outcome))
        assert [len(words) for words in said.values()] == [1] * 6
        held = await balances(till)
        assert (held["reserved"], held["spent"], held["leased"]) == (0, 150, 125)
        assert len(await conflicts(till)) == 3


WRONG: list[Any] = [
    {"redemption_id": "x" * 200},
    {"lines": []},
    {"lines": [{"line_no": 0, "item_id": "milk-1", "quantity": "1", "amount_cents": 1, "discount_cents": 1}]},
    {"lines": [{"line_no": 1, "item_id": "milk-1", "quantity": "1,5", "amount_cents": 1, "discount_cents": 1}]},
    {"receipt_id": "a\nb"},
    {"given_at": "0001-01-01T00:00:00+14:00"},
    {"more": 1},
    {"taken_back": True, "currency": "dollars"},
]


async def test_an_entry_that_is_none_has_an_answer_of_its_own_and_holds_up_no_other(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        good = [lane.accept(await printed(till, f"k{number}"), at=NOW + HOUR) for number in range(2)]
        (body,) = lane.till.pending()
        broken = [body["entries"][0] | {"redemption_id": f"wrong-{n}"} | wrong for n, wrong in enumerate(WRONG)]
        entries = [body["entries"][0], *broken, "no entry", {"redemption_id": "\ud800"}, body["entries"][1]]
        for key in ({}, {"Idempotency-Key": "together"}):
            told_of = json.dumps(body | {"entries": entries}).encode()
            headers = {"Content-Type": "application/json"} | key
            answer = await till.client.post("/v1/reconciliations", content=told_of, headers=headers)
            assert answer.status_code == 200, answer.text
            first, *refused, last = answer.json()["outcomes"]
            assert [(each["redemption_id"], each["status"]) for each in (first, last)] == [
                (entry["redemption_id"], "redeemed") for entry in good
            ]
            assert [each["redemption_id"] for each in refused] == [each["redemption_id"] for each in broken] + ["", ""]
            assert {(each["status"], each["reason"], each["given_cents"]) for each in refused} == {
                ("refused", "malformed", 0)
            }
            assert [each["taken_back"] for each in refused] == [False] * 7 + [True, False, False]
        assert (await balances(till))["spent"] == 50
        counted = till.parts.registry.get_sample_value
        assert counted("offers_offline_entries_total", {"status": "refused", "reason": "malformed"}) == 20


async def test_what_a_till_wrote_and_the_chain_cannot_read_stays_in_the_journal_alone(
    database: Database, tmp_path: Path
) -> None:
    await told(database)
    async with open_till(database, tmp_path) as till:
        lane = await lane_of(till, tmp_path)
        await lane.lend()
        lane.accept(await printed(till, "k1"), at=NOW + HOUR, receipt_id="r" * 200)
        lane.accept(await printed(till, "k2"), at=NOW + HOUR)
        assert [each["status"] for each in await lane.reconcile()] == ["refused", "redeemed"]
        assert lane.till.pending() == []
        assert lane.till.ending(lane.lease_id) is None, "somebody has to look at it"


async def test_journals_that_come_in_under_keys_at_once_never_wait_for_each_other_in_a_circle(
    database: Database, tmp_path: Path
) -> None:
    campaigns = [an_offline_campaign(name, categories=[category]) for name, category in CATEGORY_OF.items()]
    await tell_world(database, campaigns=campaigns, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        lanes = [await lane_of(till, tmp_path, f"lane-{number}") for number in range(2)]
        for lane in lanes:
            await lane.lend()
        for round_no in range(4):
            vouchers = sorted(
                (await till.checkout(f"k{round_no}", slots=2))["vouchers"], key=lambda each: str(each["campaign_id"])
            )
            for lane, shown in zip(lanes, (vouchers, vouchers[::-1]), strict=True):
                for voucher in shown:
                    lane.accept(voucher, at=NOW + HOUR, receipt_id=f"sale-{voucher['voucher_id']}-{lane.terminal_id}")
        bodies = [lane.till.pending()[0] for lane in lanes]

        async def sent(number: int, body: dict[str, Any]) -> int:
            key = {"Idempotency-Key": f"key-{number}"}
            return (await till.client.post("/v1/reconciliations", json=body, headers=key)).status_code

        before = await deadlocks(till)
        backwards = [{**body, "entries": body["entries"][::-1]} for body in bodies]
        assert set(await asyncio.gather(*(sent(n, body) for n, body in enumerate(bodies + backwards)))) == {200}
        assert await deadlocks(till) == before
        assert len(await conflicts(till)) == 8


async def deadlocks(till: Till) -> int:
    """How many the database has broken up."""
    await till.rows("SELECT pg_stat_force_next_flush()")
    (row,) = await till.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(row["deadlocks"])


async def until_answered(till: Till, body: dict[str, Any]) -> list[dict[str, Any]]:
    """As a till does: after a 503 (somebody held a lock for too long) the same again."""
    while True:
        answer = await till.client.post("/v1/reconciliations", json=body)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return list(answer.json()["outcomes"])
