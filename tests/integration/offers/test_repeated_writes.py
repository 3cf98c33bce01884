"""Laws of `Idempotency-Key`: one effect, the same bytes, nobody else's, for every write of the door."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from libs.common.http.credentials import new_key
from services.offers.api.repeating import HEADER, OWN_IDS, WRITES
from services.offers.domain.repeating import name_of
from services.offers.handlers.repeating import Once
from services.offers.ports.repeating import Answer, KeptAnswer
from services.offers.store.fraud.guessing import PostgresMisses
from services.offers.store.repeating import PostgresAnswers
from tests.support.keyed_writes import Write, a_till
from tests.support.offers_facts import NOW, a_campaign
from tests.support.offers_running import SCOPES, Till, open_till, redemption_body
from tests.support.postgres import Database

DOCUMENT = Path(__file__).parents[3] / "docs/openapi/offers.json"
TOGETHER = 64


async def every_write(till: Till, codes: list[str]) -> dict[str, Write]:
    """Each write of the door but those whose key is in their body, by its route; what it needs is there."""
    held = redemption_body(codes[1], "held") | {"hold_id": "held", "seconds": 60}
    del held["redemption_id"]
    for hold_id in ("held", "let-go"):
        assert (await till.client.post("/v1/holds", json=held | {"hold_id": hold_id})).status_code == 200
    assert (await till.client.post("/v1/holds", json=held)).status_code == 200
    assert (await till.redeem(codes[2], "taken-back"))["status"] == "redeemed"
    redemption = redemption_body(codes[0], "redeemed")
    qualification = {**redemption_body("", "x"), "codes": [codes[0]]}
    for name in ("redemption_id", "code"):
        del qualification[name]
    campaign = a_campaign(cap_cents=50_000).model_dump(mode="json")
    revocation = {"revocation_id": "leak", "batch_id": "none", "reason": "a test"}
    together = redemption_body("", "x") | {"set_id": "s1", "codes": [codes[3]]}
    for name in ("redemption_id", "code"):
        del together[name]
    back = {"receipt_id": "receipt-redeemed", "store_id": "store-1", "goods": [{"item_id": "bread-1", "quantity": "1"}]}
    signs_from = (NOW + timedelta(days=1)).isoformat()
    later = (NOW + timedelta(days=2)).isoformat()
    return {
        "post /v1/redemptions": Write("POST", "/v1/redemptions", redemption, redemption | {"redemption_id": "x"}),
        "post /v1/redemptions/{redemption_id}/rollback": Write("POST", "/v1/redemptions/taken-back/rollback"),
        "post /v1/qualifications": Write("POST", "/v1/qualifications", qualification, qualification | {"codes": ["x"]}),
        "post /v1/holds": Write("POST", "/v1/holds", held | {"hold_id": "new"}, held | {"hold_id": "newer"}),
        "post /v1/holds/{hold_id}/extension": Write("POST", "/v1/holds/new/extension", {"seconds": 90}, {"seconds": 9}),
        "post /v1/holds/{hold_id}/release": Write("POST", "/v1/holds/let-go/release"),
        "put /v1/checkouts/{checkout_id}/printed": Write(
            "PUT", "/v1/checkouts/first-0/printed", {"outcome": "declined"}, {"outcome": "printed"}
        ),
        "post /v1/revocations": Write("POST", "/v1/revocations", revocation, revocation | {"reason": "another"}),
        "put /v1/campaigns/{campaign_id}": Write(
            "PUT", "/v1/campaigns/usual", campaign, campaign | {"cap_cents": 60_000}
        ),
        "put /v1/voucher-keys/{key_id}": Write(
            "PUT", "/v1/voucher-keys/7", {"signs_from": signs_from}, {"signs_from": later}
        ),
        "post /v1/redemption-sets": Write("POST", "/v1/redemption-sets", together, together | {"set_id": "s2"}),
        "post /v1/return-quotes": Write("POST", "/v1/return-quotes", back, back | {"receipt_id": "another"}),
        "put /v1/stacking-rules": Write("PUT", "/v1/stacking-rules", {"at_most": 3}, {"at_most": 2}),
        "post /v1/voucher-keys/{key_id}/withdrawal": Write("POST", "/v1/voucher-keys/7/withdrawal"),
    }


async def everything_but_answers(till: Till) -> dict[str, str]:
    """What lies in every table that callers write, so that a repeat is seen to change nothing; doors count on by themselves."""
    tables = await till.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'offers' AND tablename NOT IN ('kept_answers', 'door_readings')"
    )
    return {
        table["tablename"]: str(await till.rows(f"SELECT * FROM {table['tablename']} AS t ORDER BY t::text"))  # noqa: S608
        for table in tables
    }


async def test_every_write_of_the_door_is_repeated_with_the_same_bytes_and_no_effect(
    database: Database, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        writes = await every_write(till, codes)
        assert set(writes) <= set(documented_writes())
        for name, write in writes.items():
            first = await write.by(till, name.replace(" ", "-"))
            assert first.status_code == 200, (name, first.text)
            assert "idempotent-replayed" not in first.headers
            # What the answer is made from goes on: time, money, states.
            till.clock.move(timedelta(seconds=1))
            meanwhile = a_campaign(cap_cents=70_000, title=f"Since {name}").model_dump(mode="json")
            assert (await till.client.put("/v1/campaigns/usual", json=meanwhile)).status_code == 200
            before = await everything_but_answers(till)
            again = await write.by(till, name.replace(" ", "-"))
            assert (again.status_code, again.content) == (200, first.content), name
            assert again.headers["content-type"] == first.headers["content-type"], name
            assert again.headers["idempotent-replayed"] == "true"
            assert await everything_but_answers(till) == before, name
            if write.other is not None:
                refused = await write.by(till, name.replace(" ", "-"), other=True)
                assert (refused.status_code, refused.json()["title"]) == (422, "other-request"), name
                assert await everything_but_answers(till) == before, name
        kept = "".join([row["answer"].decode() for row in await till.rows("SELECT answer FROM kept_answers")])
        assert not [code for code in codes if code in kept or code.replace("-", "") in kept], "codes stand nowhere"


def documented_writes() -> dict[str, Any]:
    """The operations of all writes, by their routes."""
    return {
        f"{method} {path}": operation
        for path, methods in json.loads(DOCUMENT.read_text())["paths"].items()
        for method, operation in methods.items()
        if method.upper() in WRITES
    }


def test_every_write_says_that_it_takes_a_key_and_what_may_come_of_it() -> None:
    for name, operation in documented_writes().items():
        (header,) = [each for each in operation["parameters"] if each["name"] == HEADER]
        assert (header["in"], header["required"]) == ("header", False), name
        own_id = OWN_IDS.get(name.partition(" ")[2])
        assert {"413", "422"} <= operation["responses"].keys(), name
        assert own_id is not None or "Retry-After" in operation["responses"]["409"]["headers"], name
        assert own_id is None or own_id in header["description"], name


async def test_of_many_with_one_key_at_once_one_has_the_effect_and_all_that_get_an_answer_get_its_bytes(
    database: Database, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as (one, codes), open_till(database, tmp_path) as other:
        held = redemption_body(codes[1], "x") | {"hold_id": "held", "seconds": 60}
        del held["redemption_id"]
        assert (await one.client.post("/v1/holds", json=held)).status_code == 200
        for write in (
            Write("POST", "/v1/redemptions", redemption_body(codes[0], "r1")),
            Write("POST", "/v1/holds/held/extension", {"seconds": 300}),
            Write("PUT", "/v1/campaigns/usual", a_campaign(title="New").model_dump(mode="json")),
        ):
            together = [write.by(till, write.path) for till in (one, other) for _ in range(TOGETHER // 2)]
            answers = await asyncio.gather(*together)
            told = Counter(answer.status_code for answer in answers)
            assert told.keys() <= {200, 409}, write.path
            given = [answer for answer in answers if answer.status_code == 200]
            assert len({answer.content for answer in given}) == 1, write.path
            assert sum("idempotent-replayed" not in answer.headers for answer in given) == 1, "the one that did it"
            for answer in answers:
                if answer.status_code == 409:
                    assert (answer.json()["title"], answer.headers["retry-after"]) == ("in-flight", "1")
        moves = await one.rows("SELECT count(*) FROM journal WHERE move = 'redeem'")
        versions = await one.rows("SELECT count(*) FROM campaigns")
        assert (moves, versions) == ([{"count": 1}], [{"count": 2}])
        assert len(await one.rows("SELECT 1 FROM kept_answers")) == 3


async def test_who_finds_the_same_under_way_waits_shortly_and_is_then_told_when_to_come_again(
    database: Database, tmp_path: Path
) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        write = Write("POST", "/v1/redemptions", redemption_body(codes[0], "r1"))
        async with till.transaction() as (tx, _):
            await tx.connection.exec_driver_sql("SELECT FROM vouchers FOR UPDATE")
            first = asyncio.create_task(write.by(till, "key"))
            while not await till.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                assert not first.done()
            second = await write.by(till, "key")
            assert (second.status_code, second.json()["title"], second.headers["retry-after"]) == (
                409,
                "in-flight",
                "1",
            )
            third = asyncio.create_task(write.by(till, "key"))
        assert (await first).status_code == 200
        assert (await third).content == (await first).content, "it has waited"


async def test_who_hears_no_reasons_waits_after_the_commit_and_holds_nothing_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    key, credential = new_key("shop", frozenset({"voucher:redeem"}))
    async with a_till(database, tmp_path, more_callers=[credential], refusal_floor_ms=20_000) as (till, codes):
        write = Write("POST", "/v1/redemptions", redemption_body(codes[0], "r1", currency="EUR"))
        waiting = asyncio.create_task(write.by(till, "key", caller=key))
        while not await till.rows("SELECT 1 FROM redemptions WHERE redemption_id = 'r1'"):
            assert not waiting.done()
        open_transactions = await till.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%%'"
        )
        assert open_transactions == []
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_mixture_of_keys_callers_and_bodies_is_answered_as_a_dictionary_would(
    database: Database, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    callers = {name: new_key(name, SCOPES) for name in ("a", "b")}
    credentials = [credential for _, credential in callers.values()]
    async with a_till(database, tmp_path, more_callers=credentials) as (till, codes):
        known: dict[tuple[str, str], tuple[Any, bytes]] = {}
        redeemed: dict[str, bytes] = {}
        for _ in range(120):
            caller, key = random.choice("ab"), f"key-{random.randrange(5)}"
            code, number = random.choice([*codes, "no code"]), random.randrange(4)
            path = random.choice(["/v1/redemptions", f"/v1/redemptions/r{number}/rollback"])
            body = redemption_body(code, f"r{number}") if path == "/v1/redemptions" else None
            asked = (path, body)
            write = Write("POST", path, body)
            answer = await write.by(till, key, caller=callers[caller][0])
            if (caller, key) not in known:
                assert "idempotent-replayed" not in answer.headers
                if answer.status_code == 200:
                    known[caller, key] = (asked, answer.content)
                    assert redeemed.setdefault(str(asked), answer.content) == answer.content
            elif known[caller, key][0] == asked:
                assert (answer.status_code, answer.content) == (200, known[caller, key][1])
            else:
                assert (answer.status_code, answer.json()["title"]) == (422, "other-request")
        assert len(known) > 5, "most keys were taken"


async def test_even_if_two_hold_the_lock_of_a_key_one_has_the_effect(database: Database, tmp_path: Path) -> None:
    class Unlocked(PostgresAnswers):
        async def claim(self, name: bytes) -> KeptAnswer | bool:
            return await super().claim(name) or True

    async with a_till(database, tmp_path) as (till, _):
        transactions = till.parts.transactions

        @asynccontextmanager
        async def begin() -> AsyncIterator[Unlocked]:
            async with transactions.shared() as tx:
                yield Unlocked(tx)

        async def by(number: int) -> bytes:
            async def work() -> Answer:
                async with transactions.begin() as tx:
                    await PostgresMisses(tx).lock([str(number)], NOW)
                return Answer(status=200, media_type="text/plain", body=b"%d" % number)

            return (await once.answer(name_of("till", "key"), b"asked", work))[0].body

        once = Once(begin=begin, clock=till.clock, metrics=till.parts.metrics, deadline_seconds=30)
        answers = await asyncio.gather(*map(by, range(4)))
        effects = await till.rows("SELECT subject FROM code_misses")
        assert set(answers) == {effects[0]["subject"].encode()}
        assert len(effects) == 1
