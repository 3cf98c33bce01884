"""The emergency brake on a real database: after the answer nothing that it stops is issued in any process."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.common.http.credentials import new_key
from services.offers.bootstrap.parts import SERVICE
from services.offers.ports.checkout import IssueRequest, Issuing
from services.offers.store.batches.rows import PostgresBatches
from services.offers.store.brakes.pulled import ISSUES_AS
from services.offers.store.connections import connector
from tests.integration.offers.test_budgets_hold import a_request, issuers
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import Till, checkout_body, next_id, open_till, tell_world
from tests.support.postgres import Database


async def pull(till: Till, brake_id: str = "stop", scope: str = "chain", **changes: Any) -> dict[str, Any]:
    """The brake, which must be accepted."""
    body = {"brake_id": brake_id, "scope": scope, "reason": "a wrong price on the poster", **changes}
    answer = await till.client.post("/v1/brakes", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def release(till: Till, brake_id: str = "stop", **headers: str) -> httpx.Response:
    return await till.client.post(f"/v1/brakes/{brake_id}/release", json={"reason": "mended"}, headers=headers)


async def until(holds: Callable[[], bool]) -> None:
    """Look every hundredth of a second."""
    async with asyncio.timeout(30):
        while not holds():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)


async def vouchers(till: Till) -> int:
    return int((await till.rows("SELECT count(*)::int AS n FROM vouchers"))[0]["n"])


@pytest.mark.parametrize("target", [{"scope": "chain"}, {"scope": "store", "entity_id": "store-1"}])
async def test_what_is_stopped_issues_nothing_in_any_process_until_it_is_released(
    database: Database, tmp_path: Path, target: dict[str, str]
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        code = (await one.checkout("before"))["vouchers"][0]["code"]
        assert (await pull(one, **target))["settled"]
        for till in (one, other):
            answer = await till.checkout(next_id("stopped"))
            assert (answer["reason"], answer["vouchers"]) == ("stopped", [])
        elsewhere = await other.checkout("elsewhere", store_id="store-2")
        assert bool(elsewhere["vouchers"]) == (target["scope"] == "store")
        assert (await other.redeem(code, "r1"))["status"] == "redeemed", "what was printed stays good"
        assert (await release(other)).json()["released_at"] is not None
        assert (await one.checkout("after"))["vouchers"]


async def test_a_stopped_campaign_leaves_the_others_running(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign("bad"), a_campaign("good")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        await pull(till, scope="campaign", entity_id="bad")
        answers = [await till.checkout(next_id("checkout"), slots=3) for _ in range(5)]
        assert {voucher["campaign_id"] for answer in answers for voucher in answer["vouchers"]} == {"good"}


async def test_a_decision_that_was_under_way_is_decided_again_and_explained(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[a_campaign("bad"), a_campaign("good")], customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till, open_till(database, tmp_path) as office:
        desk = till.door.doors.desk

        @dataclass(frozen=True)
        class PullsFirst(Issuing):
            """Between the decision and its commit somebody pulls the brake of what was decided."""

            pulled: list[str]

            async def issue(self, request: IssueRequest) -> Sequence[int] | None:
                if len(self.pulled) < 2:
                    campaign_id = request.drafts[0].campaign_id
                    self.pulled.append(campaign_id)
                    await pull(office, f"stop-{campaign_id}", scope="campaign", entity_id=campaign_id)
                return await desk.issuing.issue(request)

        pulls = PullsFirst([])
        object.__setattr__(till.door.doors, "desk", _with(desk, pulls))
        answer = await till.checkout("under way")
        assert sorted(pulls.pulled) == ["bad", "good"], "the second decision was for the other campaign"
        assert (answer["vouchers"], answer["reason"], answer["tier"]) == ([], "stopped", 0)
        assert await till.checkout("under way") == answer, "and the answer is kept"
        assert await vouchers(till) == 0
        told = await till.rows("SELECT topic FROM outbox WHERE topic LIKE 'offers.%' ORDER BY topic")
        assert [row["topic"] for row in told] == ["offers.brakes.v1"] * 2 + ["offers.decisions.v1"]
        assert till.parts.registry.get_sample_value("offers_checkouts_decided_again_total") == 2


def _with(desk: Any, issuing: Any) -> Any:
    changed = object.__new__(type(desk))
    for name in type(desk).__slots__:
        object.__setattr__(changed, name, issuing if name == "issuing" else getattr(desk, name))
    return changed


async def test_in_one_batch_only_what_is_stopped_is_left_out_and_nothing_of_it_is_kept(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("bad"), a_campaign("good")])
    connect = connector(database.url("offers"), schema=SERVICE, name="test", statement_seconds=10)
    connection = await connect()
    await connection.execute("""
        INSERT INTO brakes (brake_id, scope, entity_id, redemptions, cause, reason, pulled_by, of_store)
        VALUES ('1', 'campaign', 'bad', false, 'person', 'a test', 'nobody', '*'),
               ('2', 'store', 'store-2', false, 'person', 'a test', 'nobody', '*')
    """)
    async with issuers(database, processes=1) as (issuer,):
        asked = {"b": [("bad", 5)], "g": [("good", 5)], "both": [("good", 5), ("bad", 5)], "none": []}
        answers = await asyncio.gather(*(issuer.issue(a_request(name, wishes)) for name, wishes in asked.items()))
        assert dict(zip(asked, answers, strict=True)) == {"b": None, "g": [1], "both": None, "none": ()}
        kept = [row["checkout_id"] for row in await connection.fetch("SELECT checkout_id FROM decisions ORDER BY 1")]
        assert kept == ["g", "none"]
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 3
        await connection.execute("UPDATE brakes SET released_by = 'x', release_reason = 'x', released_at = now()")
        assert sorted(await issuer.issue(a_request("both", asked["both"])) or ()) == [1, 2]
    await connection.close()


async def test_under_load_in_two_doors_no_voucher_comes_to_be_after_the_answer(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as one, open_till(database, tmp_path) as other:
        answers: list[dict[str, Any]] = []
        stop = asyncio.Event()

        async def client(till: Till, number: int) -> None:
            while not stop.is_set():
                answers.append(await till.checkout(next_id(f"load-{number}"), customer=None))

        clients = [asyncio.create_task(client((one, other)[number % 2], number)) for number in range(16)]
        await until(lambda: len(answers) >= 60)
        assert (await pull(one, scope="campaign", entity_id="usual"))["settled"]
        at_the_answer = await vouchers(one)
        answered_at = (await one.rows("SELECT clock_timestamp() AS at"))[0]["at"]
        before = len(answers)
        await until(lambda: len(answers) >= before + 100)
        stop.set()
        await asyncio.gather(*clients)
        assert await vouchers(one) == at_the_answer > 0
        late = await one.rows("SELECT max(posted_at) AS at FROM journal WHERE move = 'issue'")
        assert late[0]["at"] < answered_at
        assert [answer["reason"] for answer in answers[-100:]] == ["stopped"] * 100
        told = sum(len(answer["vouchers"]) for answer in answers)
        assert told == at_the_answer, "and nobody was told of a voucher that is not there"


async def test_the_answer_waits_for_what_began_before_but_less_than_a_second(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    connect = connector(database.url("offers"), schema=SERVICE, name=ISSUES_AS, statement_seconds=10)
    connection = await connect()
    async with open_till(database, tmp_path) as till:
        open_transaction = connection.transaction()
        await open_transaction.start()
        await connection.execute("SELECT FROM vouchers")
        assert not (await pull(till, "for ever"))["settled"]
        assert till.parts.registry.get_sample_value("offers_brakes_unsettled_total") == 1
        asked = asyncio.create_task(pull(till, "for a while"))
        await asyncio.wait([asked], timeout=0.2)
        assert not asked.done()
        await open_transaction.rollback()
        assert (await asked)["settled"]
    await connection.close()


async def test_under_a_key_a_brake_is_in_force_before_the_answer_that_waits_for_what_began_before(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    connect = connector(database.url("offers"), schema=SERVICE, name=ISSUES_AS, statement_seconds=10)
    body = {"brake_id": "stop", "scope": "chain", "reason": "a wrong price on the poster"}
    async with open_till(database, tmp_path) as till:
        connection = await connect()
        try:
            open_transaction = connection.transaction()
            await open_transaction.start()
            await connection.execute("SELECT FROM vouchers")
            asked = asyncio.create_task(till.client.post("/v1/brakes", json=body, headers={"Idempotency-Key": "k"}))
            while not await till.rows("SELECT brake_id FROM brakes"):
                assert not asked.done()
            await asyncio.wait([asked], timeout=0.2)
            assert not asked.done(), "others read it already"
            await open_transaction.rollback()
            answer = await asked
        finally:
            await connection.close()
        assert (answer.status_code, answer.json()["settled"]) == (200, False), "what is kept was said before"
        again = await till.client.post("/v1/brakes", json=body, headers={"Idempotency-Key": "k"})
        assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")


async def test_the_answer_waits_for_a_chunk_of_a_batch_that_began_before(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    asked = {"batch_id": "spring", "campaign_id": "usual", "codes": 1, "last_day": "2026-03-31", "time_zone": "UTC"}
    async with open_till(database, tmp_path) as till:
        assert (await till.client.post("/v1/batches", json=asked)).status_code == 202
        async with till.parts.transactions.begin() as tx:
            assert await PostgresBatches(tx).lock_running() is not None
            pulled = asyncio.create_task(pull(till))
            await asyncio.wait([pulled], timeout=0.2)
            assert not pulled.done()
        assert (await pulled)["settled"]


async def test_a_brake_may_stop_redemptions_too_and_says_so_only_to_who_may_hear_reasons(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database, customers=[a_snapshot()])
    key, credential = new_key("shop", frozenset({"voucher:redeem"}))
    async with open_till(database, tmp_path, more_callers=[credential]) as till:
        code = (await till.checkout("checkout"))["vouchers"][0]["code"]
        await pull(till, scope="store", entity_id="store-1", redemptions=True)
        weighed = await till.client.post("/v1/qualifications", json=_weighing(code))
        assert weighed.json()["codes"][0]["reason"] == "stopped", weighed.text
        assert (await till.redeem(code, "r1"))["reason"] == "stopped"
        body = {"redemption_id": "r2", "code": code, "receipt_id": "x", **_basket()}
        told = await till.client.post("/v1/redemptions", json=body, headers={"X-Api-Key": key})
        assert told.json()["reason"] == "not-valid"
        assert (await till.redeem(code, "r3", store_id="store-2"))["status"] == "redeemed"
        assert (await release(till)).status_code == 200


def _basket() -> dict[str, Any]:
    body = checkout_body("x")
    return {name: body[name] for name in ("store_id", "currency", "lines")}


def _weighing(code: str) -> dict[str, Any]:
    return {"receipt_id": "x", "codes": [code], **_basket()}


async def test_who_stopped_what_when_and_why_is_kept_and_told(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        await pull(till)
        again = await pull(till)
        assert await pull(till) == again, "the same again changes nothing"
        other = {"brake_id": "stop", "scope": "store", "entity_id": "store-1", "reason": "a wrong price on the poster"}
        problem = await till.client.post("/v1/brakes", json=other)
        assert (problem.status_code, problem.json()["title"]) == (409, "other-brake")
        await pull(till, "second")
        assert len((await till.client.get("/v1/brakes?in_force=true")).json()) == 2
        first = (await release(till)).json()
        assert (await release(till)).json() == first
        assert (await till.checkout("still"))["reason"] == "stopped", "the second one is in force"
        await release(till, "second")
        assert (await till.client.get("/v1/brakes?in_force=true")).json() == []
        known = (await till.client.get("/v1/brakes/stop")).json()
        assert (known["pulled_by"], known["reason"], known["released_by"], known["release_reason"]) == (
            *("till (till)", "a wrong price on the poster"),
            *("till (till)", "mended"),
        )
        told = await till.rows(
            "SELECT convert_from(value, 'UTF8') AS v FROM outbox WHERE topic = 'offers.brakes.v1' ORDER BY id"
        )
        facts = [json.loads(row["v"]) for row in told]
        assert [(fact["brake_id"], "pulled_by" in fact) for fact in facts] == [
            *(("stop", True), ("second", True), ("stop", False), ("second", False))
        ]
        gone = {"brake_id": "stop", "scope": "chain", "reason": "a wrong price on the poster"}
        problem = await till.client.post("/v1/brakes", json=gone)
        assert (problem.status_code, problem.json()["title"]) == (409, "brake-released")


async def test_a_typing_error_stops_nothing_and_says_so(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        for scope, entity_id, status, title in (
            ("campaign", "usaul", 404, "nothing-to-stop"),
            ("store", "store-99", 404, "nothing-to-stop"),
            ("chain", "store-1", 422, "invalid-input"),
            ("store", None, 422, "invalid-input"),
        ):
            body = {"brake_id": "b", "scope": scope, "entity_id": entity_id, "reason": "?"}
            problem = await till.client.post("/v1/brakes", json=body)
            assert (problem.status_code, problem.json()["title"]) == (status, title)
        unknown = await release(till, "ghost")
        assert (unknown.status_code, unknown.json()["title"]) == (404, "unknown-brake")
        assert await till.rows("SELECT brake_id FROM brakes") == []


async def test_a_stores_key_stops_its_own_store_and_releases_what_it_pulled(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    scopes = frozenset({"brakes:write"})
    key, credential = new_key("chief", scopes, store_id="store-1")
    stranger, powerless = new_key("clerk", frozenset({"campaigns:write"}))
    async with open_till(database, tmp_path, more_callers=[credential, powerless]) as till:

        async def asked(key: str, **body: Any) -> tuple[int, str | None]:
            full = {"brake_id": "mine", "reason": "x", **body}
            answer = await till.client.post("/v1/brakes", json=full, headers={"X-Api-Key": key})
            return answer.status_code, answer.json().get("title")

        assert await asked(stranger, scope="chain") == (403, "missing-scope")
        assert await asked(key, scope="chain") == (403, "other-store")
        assert await asked(key, scope="campaign", entity_id="usual") == (403, "other-store")
        assert await asked(key, scope="store", entity_id="store-2") == (403, "other-store")
        assert await asked(key, scope="store", entity_id="store-1") == (200, None)
        await pull(till, "office", scope="store", entity_id="store-1")
        await pull(till, "far", scope="store", entity_id="store-2")
        seen = await till.client.get("/v1/brakes", headers={"X-Api-Key": key})
        assert sorted(brake["brake_id"] for brake in seen.json()) == ["mine", "office"]
        assert (await till.client.get("/v1/brakes/far", headers={"X-Api-Key": key})).status_code == 403
        refused = await release(till, "office", **{"X-Api-Key": key})
        assert (refused.status_code, refused.json()["title"]) == (403, "other-store")
        assert (await release(till, "mine", **{"X-Api-Key": key})).status_code == 200
        assert (await release(till, "office")).status_code == 200


async def test_memory_knows_the_brakes_within_a_second(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till, open_till(database, tmp_path) as office:
        knowledge = till.door.keeper.knowledge
        await pull(office, scope="campaign", entity_id="usual")
        await until(lambda: knowledge.stops("usual", "store-1"))
        assert not knowledge.stops("another", "store-1")
        await release(office)
        await until(lambda: not knowledge.stops("usual", "store-1"))
