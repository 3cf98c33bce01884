"""Laws of the key itself: its form, whose it is, how long it is known, and what is not kept under it."""

import json
from datetime import timedelta
from pathlib import Path

from libs.common.http.credentials import new_key
from services.offers.api.repeating import LONGEST_BODY
from services.offers.bootstrap.rounds import answers_round
from tests.support.keyed_writes import Write, a_till
from tests.support.offers_running import SCOPES, redemption_body
from tests.support.postgres import Database


async def test_no_caller_sees_what_another_asked_under_the_same_key(database: Database, tmp_path: Path) -> None:
    key, credential = new_key("other", SCOPES)
    async with a_till(database, tmp_path, more_callers=[credential]) as (till, codes):
        mine = Write("POST", "/v1/redemptions", redemption_body(codes[0], "mine"))
        theirs = Write("POST", "/v1/redemptions", redemption_body(codes[1], "theirs"))
        first = await mine.by(till, "the-same")
        second = await theirs.by(till, "the-same", caller=key)
        assert (first.json()["redemption_id"], second.json()["redemption_id"]) == ("mine", "theirs")
        assert "idempotent-replayed" not in second.headers
        assert (await mine.by(till, "the-same")).content == first.content
        assert (await mine.by(till, "the-same", caller="tk_other_0")).status_code == 401
        assert (await mine.by(till, "the-same", caller=key)).json()["title"] == "other-request"


async def test_a_key_is_a_short_visible_text_stated_once(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        body = redemption_body(codes[0], "r1")
        for header in ('""', '"a', "a b", "x" * 256, '"' + "x" * 256 + '"', "k\xe9y", 'a"b'):
            told = await till.client.post(
                "/v1/redemptions", json=body, headers=[(b"Idempotency-Key", header.encode("latin-1"))]
            )
            assert (told.status_code, told.json()["title"]) == (422, "invalid-key"), header
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert (await till.client.post("/v1/redemptions", json=body, headers=twice)).json()["title"] == "invalid-key"
        assert (await till.client.get("/v1/campaigns", headers={"Idempotency-Key": "a b"})).status_code == 200
        first = await till.client.post("/v1/redemptions", json=body, headers={"Idempotency-Key": "a-key"})
        quoted = await till.client.post("/v1/redemptions", json=body, headers={"Idempotency-Key": '"a-key"'})
        spaced = json.dumps(dict(reversed(body.items())), indent=3)
        said_otherwise = await till.client.post(
            "/v1/redemptions", content=spaced, headers={"Idempotency-Key": "a-key", "Content-Type": "application/json"}
        )
        assert quoted.content == said_otherwise.content == first.content
        assert {answer.headers["idempotent-replayed"] for answer in (quoted, said_otherwise)} == {"true"}


async def test_answers_are_kept_for_their_days_and_then_forgotten(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        early = Write("POST", "/v1/redemptions", redemption_body(codes[0], "early"))
        first = await early.by(till, "early")
        till.clock.move(timedelta(days=3))
        late = Write("POST", "/v1/redemptions", redemption_body("no code", "late"))
        await late.by(till, "late")
        forget = answers_round(till.parts)
        till.clock.move(timedelta(days=4))
        assert await forget() == 0
        assert (await early.by(till, "early")).content == first.content, "seven days, not a moment less"
        till.clock.move(timedelta(seconds=1))
        assert await forget() == 0
        assert len(await till.rows("SELECT 1 FROM kept_answers")) == 1


async def test_a_body_under_a_key_has_a_bound(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        fits = json.dumps(redemption_body(codes[0], "r1")).encode().ljust(LONGEST_BODY)
        headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
        told = await till.client.post("/v1/redemptions", content=fits + b" ", headers=headers)
        assert (told.status_code, told.json()["title"]) == (413, "body-too-large")
        assert (await till.client.post("/v1/redemptions", content=fits, headers=headers)).status_code == 200


async def test_an_error_has_no_effect_and_is_not_kept(database: Database, tmp_path: Path) -> None:
    async with a_till(database, tmp_path) as (till, codes):
        rollback = Write("POST", "/v1/redemptions/later/rollback")
        assert (await rollback.by(till, "key")).status_code == 404
        assert await till.rows("SELECT 1 FROM kept_answers") == []
        assert (await till.redeem(codes[0], "later"))["status"] == "redeemed"
        first = await rollback.by(till, "key")
        assert first.status_code == 200
        assert (await rollback.by(till, "key")).content == first.content
        malformed = Write("POST", "/v1/redemptions", {"code": 5}, redemption_body(codes[1], "mended"))
        assert (await malformed.by(till, "mended")).json()["title"] == "invalid-input"
        assert (await malformed.by(till, "mended", other=True)).json()["status"] == "redeemed", (
            "mended under the same key"
        )
