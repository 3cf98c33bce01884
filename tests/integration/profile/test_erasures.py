"""Being forgotten in profile: nothing is left but pseudonyms of the suppression, and nothing brings a person back."""

import asyncio
from pathlib import Path
from typing import Any

from libs.common.clock import FixedClock
from libs.common.contracts import Event, decode
from libs.common.contracts.privacy import Erased, ErasureRequested
from libs.common.persistence.messages import decode_headers
from libs.common.streaming import Batch, TopicPartition
from services.profile.consumer import worker_handler
from services.profile.handlers.erasing import ANSWERING, Erasing, catch_up, sweep, take_answers
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.privacy_shapes import ErasureView
from services.profile.store import PostgresProfileStore
from tests.integration.profile.test_learner import played, shopping
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import (
    a_catalogue,
    a_consent,
    a_history,
    a_link,
    a_return,
    a_sale,
    a_tick,
    a_view,
    a_voucher,
    an_answer,
    an_event,
    at,
    card,
    visitor,
)
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.secrets import PSEUDONYMS

ONE, GUEST, OTHER = PSEUDONYMS.of(card(1)), PSEUDONYMS.of(visitor(1)), PSEUDONYMS.of(card(2))
KEYS = (ONE.key, GUEST.key)
IDS = {own_customer_id(key) for key in KEYS}
TABLES_THAT_MAY_NAME_THEM = {"suppressions", "erasures", "customers", "identity_changes", "outbox"}


def a_life() -> list[Event]:
    """A card and a visitor that are one person, in every table, and somebody else beside."""
    return [
        *a_catalogue(),
        a_sale("r1", ONE),
        a_sale("r2", ONE, day=1),
        a_return("b1", "r1", ONE, day=1),
        a_return("b2", "unknown", ONE, day=1),
        a_view("w1", GUEST, day=1),
        an_answer("a1", ONE, day=1),
        a_consent("c1", ONE, day=1),
        a_link("l1", ONE, GUEST, day=2),
        a_sale("r3", OTHER, day=1),
        a_consent("c2", OTHER, day=1),
    ]


def erasing_of(profile: RunningProfile, day: float) -> Erasing:
    return Erasing(profile.parts.transactions, PostgresProfileStore, FixedClock(at(day)), play_mode=False)


async def erase(profile: RunningProfile, customer_id: str, day: float = 10) -> ErasureView:
    """Erase and let the worker finish its part."""
    view = await erasing_of(profile, day).erase(customer_id)
    async with profile.parts.transactions.begin() as tx:
        assert await sweep(PostgresProfileStore(tx)) == 1
    await profile.fold_all()
    return view


async def naming(profile: RunningProfile, names: set[str]) -> dict[str, int]:
    """The tables whose rows hold one of these names, in text or in bytes."""
    tables = await profile.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'profile'")
    found: dict[str, int] = {}
    for table in (row["tablename"] for row in tables):
        rows = await profile.rows(f"SELECT * FROM {table}")  # noqa: S608 - our own tables
        cells = [(v if isinstance(v, bytes) else str(v).encode()) for row in rows for v in row.values()]
        if count := sum(any(name.encode() in cell for name in names) for cell in cells):
            found[table] = count
    return found


async def requests(profile: RunningProfile) -> list[Event]:
    rows = await profile.rows("SELECT headers, value FROM outbox WHERE topic = 'profile.erasures.v1' ORDER BY id")
    return [decode(decode_headers(row["headers"]), row["value"]) for row in rows]


async def test_of_an_erased_person_nothing_is_left_but_the_suppression(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take(a_life())
        await profile.fold_all()
        names = {*KEYS, *(key.partition(":")[2] for key in KEYS), *IDS}
        before = await naming(profile, names)
        assert {"facets", "facet_deltas", "parked", "learning_queue", "links", "consents", "consent_words"} <= set(
            before
        )
        others = [row for row in await profile.facets() if row["identifier"] == OTHER.key]
        view = await erase(profile, max(IDS))
        assert set(await naming(profile, names)) <= TABLES_THAT_MAY_NAME_THEM
        assert await profile.facets() == others
        assert set(await profile.snapshots()) == {own_customer_id(OTHER.key)}
        assert [r["now_customer_id"] for r in await profile.rows("SELECT now_customer_id FROM identity_changes")] == [
            None
        ]
        (request,) = await requests(profile)
        assert isinstance(request.data, ErasureRequested)
        assert (request.id, set(request.data.customer_ids)) == (view.erasure_id, IDS)
        assert {identifier.key for identifier in request.data.identifiers} == set(KEYS)


async def test_late_events_repeats_and_a_replay_bring_nobody_back_and_later_ones_start_afresh(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await profile.take(a_life())
        await profile.fold_all()
        await erase(profile, min(IDS))
        erased = await profile.facets()
        await profile.rows("WITH gone AS (DELETE FROM inbox RETURNING 1) SELECT count(*) FROM gone")
        late = [
            a_sale("late", ONE, day=9.9),
            a_sale("last", ONE, day=10),
            a_link("l2", GUEST, OTHER, day=3),
            a_voucher("v1", min(IDS), day=4),
        ]
        await profile.take(
            [event for event in (*a_life(), *late) if OTHER.key not in event.data.model_dump_json() or event in late]
        )
        await profile.fold_all()
        assert [row["identifier"] for row in await profile.facets()] == [row["identifier"] for row in erased]
        assert set(await naming(profile, {*KEYS, *IDS})) <= TABLES_THAT_MAY_NAME_THEM
        await profile.take([a_sale("new", ONE, day=10.1)])
        await profile.fold_all()
        (back,) = [row for row in await profile.facets() if row["identifier"] == ONE.key]
        assert (back["receipts_count"], back["contacts_count"]) == (1, 1)
        snapshot = (await profile.snapshots())[own_customer_id(ONE.key)]
        assert [identifier.key for identifier in snapshot.identifiers] == [ONE.key]


async def test_a_rebuild_that_reads_the_erasures_first_equals_what_was_erased_on_the_way(
    database: Database, other_database: Database
) -> None:
    async with running_profile(database) as profile, running_profile(other_database) as rebuilt:
        history = a_history(3)
        goner, day = own_customer_id(card(3).key), 12.5
        await profile.take([*a_catalogue(), *(event for event in history if event.occurred_at <= at(day))])
        await profile.fold_all()
        assert await naming(profile, {goner})
        await erase(profile, goner, day)
        await profile.take([event for event in history if event.occurred_at > at(day)])
        async with rebuilt.parts.transactions.begin() as tx:
            store, asked = PostgresProfileStore(tx), await requests(profile)
            assert [await catch_up(store, asked, FixedClock(at(20))) for _ in range(2)] == [1, 0]
            caught_up = await store.privacy.find(asked[0].id)
            assert caught_up is not None
            assert caught_up.asker is None, "the topic does not say who asked"
        await rebuilt.take([*a_catalogue(), *history])
        await profile.fold_all()
        await rebuilt.fold_all()
        assert await rebuilt.facets() == await profile.facets()
        assert await rebuilt.views() == await profile.views()


async def test_the_learner_forgets_and_keeps_what_it_learned_of_everybody(database: Database) -> None:
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        await played(profile, shopping(5), _itself)
        everybody = "SELECT learner, number, state FROM learner_states ORDER BY learner"
        customers = "SELECT * FROM learner_customers ORDER BY identifier"
        before, known = await profile.rows(everybody), await profile.rows(customers)
        goner = known[0]["identifier"]
        await erase(profile, own_customer_id(goner), day=40)
        after = await profile.rows(everybody)
        assert await profile.rows(customers) == known[1:]
        assert [row["number"] for row in after] == [row["number"] + 1 for row in before]
        assert [row["state"] for row in after] == [row["state"] for row in before]
        await profile.take([a_sale("after", card(2), day=41)])
        await profile.tick(a_tick(43))  # by a learner that remembered the goner
        assert goner not in {row["identifier"] for row in await profile.rows(customers)}
        ((removed,),) = [
            tuple(r.values())
            for r in await profile.rows("SELECT removed FROM erasure_receipts WHERE service = 'profile'")
        ]
        assert removed["learner_entries"] == 1


async def _itself(profile: RunningProfile) -> RunningProfile:
    return profile


async def test_an_erasure_waits_for_batches_under_way_so_that_none_brings_the_person_back(database: Database) -> None:
    async with running_profile(database) as profile:
        stranger = PSEUDONYMS.of(card(77))
        sale = a_sale("r9", stranger, day=9)
        batch = Batch(TopicPartition("ingest.pos.v1", 0), "profile", "test", [sale])
        async with profile.parts.transactions.begin() as tx:
            await worker_handler(PostgresProfileStore, profile.parts.metrics)(tx, batch)
            erasure = asyncio.create_task(erasing_of(profile, 10).erase_with(stranger.key))
            assert not (await asyncio.wait({erasure}, timeout=0.3))[0]
        await erasure
        assert await profile.facets() == []


async def test_an_erasure_is_complete_when_every_service_has_answered(database: Database, tmp_path: Path) -> None:
    scopes = ("privacy:write", "customers:service_desk", "customers:privacy")
    async with running_profile(database) as profile, asking(profile, tmp_path, *scopes, key_id="anna") as client:
        await profile.take(a_life())
        await profile.fold_all()
        of_them = f"SELECT count(*) AS count FROM segment_members WHERE customer_id IN ('{min(IDS)}', '{max(IDS)}')"  # noqa: S608 - ids
        memberships = (await profile.rows(of_them))[0]["count"]
        answer = await client.post(f"/v1/customers/{min(IDS)}/erasure")
        erasure = answer.json()
        assert (answer.status_code, erasure["state"]) == (202, "open")
        assert erasure["waiting_for"] == sorted(ANSWERING)
        assert (erasure["requested_by"], erasure["requested_roles"]) == ("anna", ["privacy", "service_desk"])
        async with asking(profile, tmp_path, "privacy:write", key_id="bert") as other:
            again = await other.post(f"/v1/customers/{max(IDS)}/erasure")
        assert again.json()["requested_by"] == "anna", "the same erasure is still who asked first"
        assert (again.status_code, again.json()["erasure_id"]) == (202, erasure["erasure_id"])
        async with profile.parts.transactions.begin() as tx:
            await sweep(PostgresProfileStore(tx))
        where = answer.headers["location"]
        assert (await client.get(where)).json()["waiting_for"] == ["ingest", "inventory", "offers"]
        answers = [an_erased(erasure["erasure_id"], service) for service in ("ingest", "inventory", "offers")]
        async with profile.parts.transactions.begin() as tx:
            await take_answers(PostgresProfileStore(tx), [*answers, *answers])
        done = (await client.get(where)).json()
        assert (done["state"], done["waiting_for"]) == ("complete", [])
        counts: dict[str, Any] = {receipt["service"]: receipt["removed"] for receipt in done["receipts"]}
        assert counts["profile"]["facets"] == 2
        assert counts["profile"]["receipts"] == 2
        assert counts["profile"]["memberships"] == memberships > 0
        assert (done["requested_by"], (await profile.rows(of_them))[0]["count"]) == ("anna", 0)


async def test_whoever_no_profile_knows_can_be_erased_by_identifier(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "privacy:write") as client:
        answer = await client.post("/v1/erasures", json={"customer": card(77).model_dump(mode="json")})
        assert answer.status_code == 202
        (request,) = [event.data for event in await requests(profile)]
        assert isinstance(request, ErasureRequested)
        assert [identifier.key for identifier in request.identifiers] == [PSEUDONYMS.of(card(77)).key]
        assert (answer.json()["requested_by"], answer.json()["requested_roles"]) == ("staff", [])
        for way in ("/v1/customers/nobody/erasure", "/v1/erasures/none"):
            missing = await (client.get(way) if way.endswith("none") else client.post(way))
            assert missing.status_code == 404


def an_erased(erasure_id: str, service: Any) -> Event:
    return an_event(Erased(erasure_id=erasure_id, service=service, removed={"rows": 1}), f"{service}:{erasure_id}", 10)
