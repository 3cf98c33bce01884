"""The API of segments: optimistic versions, refusals with slugs, sizes before saving."""

from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response

from services.profile.handlers import segmenting
from services.profile.store import segments as store_segments
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import a_sale, card
from tests.support.profile_running import running_profile
from tests.support.segments import a_document, visits_at_least

OWNER = ("segments:read", "segments:write")


async def put(client: AsyncClient, segment_id: str, document: dict[str, Any], version: int | None = None) -> Response:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    return await client.put(f"/v1/segments/{segment_id}", json=document, headers=headers)


def outcome(response: Response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("title")


async def test_a_segment_is_saved_over_the_version_that_was_read_and_over_no_other(
    database: Database, tmp_path: Path
) -> None:
    first, second = a_document(visits_at_least(2)), a_document(visits_at_least(3))
    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        made = await put(client, "often", first)
        assert (made.status_code, made.headers["etag"], made.json()["saved_by"]) == (201, '"1"', "staff")
        assert outcome(await put(client, "often", second)) == (412, "version-missing")
        assert outcome(await put(client, "often", second, 2)) == (412, "version-outdated")
        assert outcome(await put(client, "other", second, 1)) == (412, "version-outdated")
        saved = await put(client, "often", second, 1)
        assert (saved.status_code, saved.headers["etag"]) == (200, '"2"')
        assert (await put(client, "often", second, 1)).headers["etag"] == '"2"', "a repeat has no further effect"
        assert outcome(await put(client, "often", first, 1)) == (412, "version-outdated")
        older = await client.get("/v1/segments/often?version=1")
        assert older.json()["document"]["rule"]["value"] == 2
        assert outcome(await client.get("/v1/segments/often?version=3")) == (404, "unknown-segment")


async def test_the_shipped_segments_are_there_to_be_changed_and_archived(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        answer = (await client.get("/v1/segments")).json()
        assert {one["segment_id"] for one in answer["segments"]} == {
            *("new", "regular", "high_value", "growing", "lapsing", "lost", "bargain_hunter"),
        }
        lost = next(one for one in answer["segments"] if one["segment_id"] == "lost")
        assert (await put(client, "lost", lost["document"] | {"archived": True}, 1)).status_code == 200
        assert "lost" not in str((await client.get("/v1/segments")).json()["segments"])
        assert len((await client.get("/v1/segments?archived=true")).json()["segments"]) == 7


async def test_a_rule_that_cannot_be_is_refused_with_its_reason(database: Database, tmp_path: Path) -> None:
    def asks(segment_id: str) -> dict[str, Any]:
        return a_document({"kind": "segment", "segment_id": segment_id})

    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        assert outcome(await put(client, "a", asks("nowhere"))) == (422, "unknown-segment-in-rule")
        assert outcome(await put(client, "a", asks("a"))) == (422, "segment-circle")
        assert (await put(client, "a", asks("new"))).status_code == 201
        assert outcome(await put(client, "new", asks("a"), 1)) == (422, "segment-circle")
        archived = a_document(visits_at_least(1), archived=True)
        assert outcome(await put(client, "new", archived, 1)) == (409, "segment-in-use")
        assert outcome(await client.put("/v1/segments/a", json=asks("new"), headers={"if-match": "*"})) == (
            422,
            "invalid-etag",
        )
        assert outcome(await put(client, "A b", asks("new"))) == (422, "invalid-input")
        deep = visits_at_least(1)
        for _ in range(20):
            deep = {"kind": "not", "of": deep}
        assert outcome(await client.post("/v1/segments/preview", json={"rule": deep})) == (422, "rule-too-large")


async def test_a_key_reads_or_writes_as_its_scopes_say(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "segments:read") as client:
        assert (await client.get("/v1/segments/new")).status_code == 200
        assert outcome(await put(client, "a", a_document(visits_at_least(1)))) == (403, "missing-scope")
        preview = await client.post("/v1/segments/preview", json={"rule": visits_at_least(1)})
        assert outcome(preview) == (403, "missing-scope")


@pytest.mark.parametrize("bound", [100, 20])
async def test_a_preview_says_how_many_and_whether_it_asked_everybody(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    monkeypatch.setattr(segmenting, "PREVIEWED_EXACTLY", bound)
    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        sales = [a_sale(f"r{n}", card(n % 60), day=n / 100) for n in range(90)]  # thirty come twice
        await profile.take(sales)
        await profile.fold_all()
        answer = (await client.post("/v1/segments/preview", json={"rule": visits_at_least(2)})).json()
        assert answer["estimated"] is (bound == 20)
        assert answer["asked_count"] == min(bound, 60)
        assert answer["lowest_count"] <= 30 <= answer["greatest_count"]
        if bound == 100:
            assert (answer["members_count"], answer["customers_count"]) == (30, 60)
            assert answer["lowest_count"] == answer["greatest_count"]
        views = await profile.snapshots()
        for customer_id in answer["sample_customer_ids"]:
            assert len(views[customer_id].ranking_state["visit_at_seconds"]) == 2
        assert await profile.rows("SELECT 1 FROM segment_versions WHERE saved_by <> 'shipped'") == []


async def test_progress_is_shown_from_the_save_until_everybody_was_looked_at(
    database: Database, tmp_path: Path
) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        await profile.take([a_sale(f"r{n}", card(n)) for n in range(7)])
        await profile.fold_all()
        await profile.reevaluate_all()
        await put(client, "all", a_document(visits_at_least(1)))
        before = (await client.get("/v1/segments")).json()["evaluation"]
        assert (before["finished"], before["customers_done"]) == (False, 0)
        await profile.reevaluate_all(limit=3)
        after = (await client.get("/v1/segments")).json()
        assert after["evaluation"] == {"finished": True, "customers_done": 7, "customers_total": 7, "changed_count": 7}
        assert {one["members_count"] for one in after["segments"] if one["segment_id"] == "all"} == {7}


async def test_a_preview_of_a_part_of_the_table_says_between_which_numbers_the_truth_lies(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_segments, "_PAGES", 12)
    async with running_profile(database) as profile, asking(profile, tmp_path, *OWNER) as client:
        await profile.take([a_sale(f"r{n}", card(n % 600), day=n / 900) for n in range(900)])  # 300 come twice
        await profile.fold_all()
        answer = (await client.post("/v1/segments/preview", json={"rule": visits_at_least(2)})).json()
        assert answer["estimated"]
        assert 0 < answer["asked_count"] < 600
        assert answer["lowest_count"] <= 300 <= answer["greatest_count"]
        everybody = (await client.post("/v1/segments/preview", json={"rule": visits_at_least(1)})).json()
        assert everybody["lowest_count"] <= 600 <= everybody["greatest_count"], "the number of all is estimated too"
