"""Who objects to profiling is counted for money and returns, and nothing is derived, published or ranked."""

import json
from pathlib import Path

from libs.common.contracts import Event
from libs.common.contracts.consent import Channel, ConsentChanged, Purpose
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import a_catalogue, a_link, a_sale, an_event, card, visitor
from tests.support.profile_running import running_profile
from tests.support.segments import a_document, visits_at_least

ONE, GUEST = card(1), visitor(1)


def a_word(event_id: str, *, granted: bool, day: float, channel: Channel = Channel.ANY) -> Event:
    word = ConsentChanged(
        customer=GUEST,
        purpose=Purpose.PROFILING,
        channel=channel,
        granted=granted,
        basis="legitimate_interest",
        evidence="form-7",
    )
    return an_event(word, event_id, day)


async def test_nothing_is_derived_of_who_objects_until_they_allow_it_again(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        sales = [a_sale(f"r{n}", ONE, day=n) for n in range(4)]
        await profile.take([*a_catalogue(), *sales, a_link("l", ONE, GUEST, day=4)])
        await profile.fold_all()
        ((customer_id, before),) = (await profile.snapshots()).items()
        assert before.segments
        assert before.value
        assert before.ranking_state["items"]

        await profile.take([a_word("no", granted=False, day=5, channel=Channel.WEB)])
        at_once = await client.get(f"/v1/customers/{customer_id}/next-basket")
        assert (at_once.status_code, at_once.json()["title"]) == (409, "profiling-objected"), "folded or not"
        await profile.fold_all()
        (objecting,) = (await profile.snapshots()).values()
        assert (objecting.segments, objecting.value, objecting.ranking_state) == ((), None, {})
        view = (await client.get(f"/v1/customers/{customer_id}")).json()
        assert view["totals"]["receipts_count"] == 4
        assert (view["segments"], view["favourite_items"], view["categories"]) == ([], [], [])
        assert (view["tier"], view["value"]) == (None, None)
        basket = await client.get(f"/v1/customers/{customer_id}/next-basket")
        assert (basket.status_code, basket.json()["title"]) == (409, "profiling-objected")

        await profile.take([a_sale("r5", ONE, day=6), a_word("yes", granted=True, day=7, channel=Channel.WEB)])
        not_yet = await client.get(f"/v1/customers/{customer_id}/next-basket")
        assert not_yet.status_code == 409, "of the view that objected there is nothing to rank by"
        await profile.fold_all()
        assert (await client.get(f"/v1/customers/{customer_id}/next-basket")).status_code == 200
        (again,) = (await profile.snapshots()).values()
        assert len(again.ranking_state["visit_at_seconds"]) == 5


async def test_who_objects_leaves_all_segments_and_no_rule_finds_them(database: Database, tmp_path: Path) -> None:
    asked = {"rule": visits_at_least(1)}
    async with (
        running_profile(database) as profile,
        asking(profile, tmp_path, "segments:write", "segments:read") as client,
    ):
        await profile.take([*a_catalogue(), *(a_sale(f"r{n}", ONE, day=n) for n in range(4)), a_link("l", ONE, GUEST)])
        await profile.fold_all()
        assert (await client.post("/v1/segments/preview", json=asked)).json()["members_count"] == 1
        entered = await profile.rows("SELECT segment_id FROM segment_members")
        assert entered

        await profile.take([a_word("no", granted=False, day=5)])
        moved = (await profile.fold_once()).moved
        assert {(row.segment_id, row.entered) for row in moved} == {(row["segment_id"], False) for row in entered}
        assert {json.loads(row.message.value or b"")["reason"] for row in moved} == {"objection"}
        assert (await client.post("/v1/segments/preview", json=asked)).json()["members_count"] == 0
        assert (await client.put("/v1/segments/all", json=a_document(asked["rule"]))).status_code == 201
        await profile.reevaluate_all()
        assert await profile.rows("SELECT segment_id FROM segment_members") == []
        sizes = (await client.get("/v1/segments")).json()["segments"]
        assert {one["members_count"] for one in sizes} == {0}

        await profile.take([a_word("yes", granted=True, day=6)])
        await profile.fold_all()
        again = {row["segment_id"] for row in await profile.rows("SELECT segment_id FROM segment_members")}
        assert again == {"all", *(row["segment_id"] for row in entered)}


async def test_every_word_on_consent_is_kept_with_its_basis_and_evidence(database: Database) -> None:
    async with running_profile(database) as profile:
        words = [a_word("no", granted=False, day=5), a_word("yes", granted=True, day=4)]
        await profile.take([*words, *words])
        kept = await profile.rows("SELECT event_id, granted, basis, evidence FROM consent_words ORDER BY occurred_at")
        assert [tuple(row.values()) for row in kept] == [
            ("urn:test:till#yes", True, "legitimate_interest", "form-7"),
            ("urn:test:till#no", False, "legitimate_interest", "form-7"),
        ]
