"""Every look at a customer is masked by role and kept, in a chain that shows when it was tampered with."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.testing import capture_logs

from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.looking import CHECKED_TOGETHER
from tests.support.postgres import Database
from tests.support.profile_api import asking
from tests.support.profile_events import (
    a_catalogue,
    a_consent,
    a_link,
    a_return,
    a_sale,
    a_view,
    at,
    card,
    visitor,
)
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.secrets import PSEUDONYMS

SHOPPER = own_customer_id(card(1).key)


async def a_customer(profile: RunningProfile) -> None:
    await profile.take(
        [*a_catalogue(), *(a_sale(f"r{n}", card(1), day=7 * n) for n in range(6)), a_consent("c", card(1))]
    )
    await profile.fold_all()


async def test_each_role_sees_its_part_and_is_told_what_is_hidden(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile:
        await a_customer(profile)
        pages = {}
        for role in ("cashier", "marketing", "service_desk", "privacy", "read"):
            async with asking(profile, tmp_path, f"customers:{role}", key_id=role.replace("_", "-")) as client:
                pages[role] = (await client.get(f"/v1/customers/{SHOPPER}")).json()
                basket = await client.get(f"/v1/customers/{SHOPPER}/next-basket")
                assert basket.status_code == (200 if role in {"marketing", "read"} else 403)
                found = await client.get("/v1/customers/search?prefix=")
                assert found.status_code == (200 if role in {"marketing", "privacy", "read"} else 403)
        assert pages["cashier"]["tier"] == "bronze"
        assert pages["cashier"]["value"] is pages["cashier"]["totals"] is pages["cashier"]["identifiers"] is None
        assert "totals" in pages["cashier"]["hidden"]
        assert pages["marketing"]["identifiers"] is None
        assert pages["marketing"]["value"]["drivers"][0]["figure"] == "basket_cents"
        assert pages["service_desk"]["identifiers"]
        assert pages["service_desk"]["favourite_items"] is None
        assert pages["read"]["hidden"] == []


async def test_every_look_is_kept_with_who_what_and_whom_and_nothing_else_is(
    database: Database, tmp_path: Path
) -> None:
    async with running_profile(database) as profile:
        await a_customer(profile)
        async with asking(profile, tmp_path, "customers:marketing", key_id="anna") as client:
            named = await client.get(f"/v1/customers/{SHOPPER}", headers={"x-request-id": "ask-1"})
            assert named.headers["x-request-id"] == "ask-1"
            await client.get(f"/v1/customers/{SHOPPER}/health")
            await client.get(f"/v1/customers/{SHOPPER}/next-basket")
            await client.get("/v1/customers/search?segment_id=regular")
            assert (await client.get("/v1/customers/nobody")).status_code == 404
        async with asking(profile, tmp_path, "views:read", key_id="auditor") as client:
            looks = (await client.get("/v1/views")).json()["views"]
            assert [(look["action"], look["customer_id"]) for look in looks] == [
                ("search", None),
                ("next_basket", SHOPPER),
                ("health", SHOPPER),
                ("page", SHOPPER),
            ]
            assert {(look["key_id"], *look["roles"]) for look in looks} == {("anna", "marketing")}
            assert looks[-1]["request_id"] == "ask-1"
            assert len((await client.get(f"/v1/views?customer_id={SHOPPER}")).json()["views"]) == 3
            page = (await client.get("/v1/views?limit=3")).json()
            rest = (await client.get(f"/v1/views?limit=3&before={page['next']}")).json()
            assert page["views"] + rest["views"] == looks
            assert (await client.get(f"/v1/customers/{SHOPPER}")).status_code == 403


async def test_a_look_at_an_old_id_is_found_under_the_person(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_view("w1", visitor(1))])
        await profile.fold_all()
        async with asking(profile, tmp_path, "customers:read", "views:read") as client:
            for who in (card(1), visitor(1)):
                assert (await client.get(f"/v1/customers/{own_customer_id(who.key)}")).status_code == 200
            await profile.take([a_link("l1", card(1), visitor(1), day=1)])
            assert len((await client.get(f"/v1/views?customer_id={SHOPPER}")).json()["views"]) == 2
            both = {own_customer_id(who.key) for who in (card(1), visitor(1))}
            for old in both:
                assert (await client.get(f"/v1/customers/{old}")).json()["customer_id"] == min(both)
                (newest,) = (await client.get("/v1/views?limit=1")).json()["views"]
                assert newest["customer_id"] == min(both), "kept under the present id, whichever was asked for"


async def test_the_short_cut_answers_as_the_declared_route_does(database: Database, tmp_path: Path) -> None:
    shopper = PSEUDONYMS.of(card(1))
    ways = [f"identifier={card(1).key}", "identifier=loyalty_card:nobody", "identifier=nothing"]
    strangers = {"x-api-key": "tk_nobody_secret"}
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), *(a_sale(f"r{n}", shopper, day=7 * n) for n in range(6))])
        await profile.fold_all()
        await profile.take([a_sale("not folded yet", shopper, day=50)])
        for role in ("read", "cashier"):
            async with asking(profile, tmp_path, f"customers:{role}", key_id=role) as client:
                for headers in ({"x-request-id": "same"}, {"x-request-id": "same", **strangers}):
                    for way in ways:
                        short = await client.get(f"/v1/customers?{way}", headers=headers)
                        declared = await client.get(f"/v1/customers?{way}&unusual=1", headers=headers)
                        assert (short.status_code, short.headers, short.json()) == (
                            *(declared.status_code, declared.headers, declared.json()),
                        )
                by_id = (await client.get(f"/v1/customers/{own_customer_id(shopper.key)}")).json()
                assert by_id == (await client.get(f"/v1/customers?{ways[0]}&unusual=1")).json()
                if role == "read":
                    assert by_id["totals"]["receipts_count"] == by_id["counts"]["visits"] == 7, "the one that waits too"
        async with asking(profile, tmp_path, "views:read", key_id="auditor") as client:
            looks = (await client.get("/v1/views?limit=200")).json()["views"]
            assert len(looks) == 2 * (2 + 2), (
                "of each role: both ways by identifier, by id, and what it was compared with"
            )


async def test_looks_of_one_key_at_the_same_time_are_one_chain(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile:
        await a_customer(profile)
        async with asking(profile, tmp_path, "customers:read", "views:read", key_id="anna") as client:
            answers = await asyncio.gather(*(client.get(f"/v1/customers/{SHOPPER}") for _ in range(30)))
            assert {answer.status_code for answer in answers} == {200}
            checked = (await client.get("/v1/views/chain?key_id=anna")).json()
            assert checked == {"key_id": "anna", "checked_count": 30, "broken_sequence": None, "next": None}


async def test_no_look_that_cannot_be_kept_is_shown(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:read") as client:
        shopper = PSEUDONYMS.of(card(1))
        await profile.take([a_sale("r1", shopper)])
        await _as_superuser(database, "ALTER TABLE audit ADD CONSTRAINT full_up CHECK (false) NOT VALID")
        for way in (
            f"/{own_customer_id(shopper.key)}",
            f"?identifier={card(1).key}",
            f"?identifier={card(1).key}&unusual=1",
        ):
            with capture_logs():
                refused = await client.get(f"/v1/customers{way}")
            assert (refused.status_code, refused.json()["title"]) == (500, "unforeseen")


async def test_the_record_is_never_changed_and_shows_when_somebody_did_all_the_same(
    database: Database, tmp_path: Path
) -> None:
    async with running_profile(database) as profile:
        await a_customer(profile)
        async with asking(profile, tmp_path, "customers:read", "views:read", key_id="anna") as client:
            for _ in range(4):
                await client.get(f"/v1/customers/{SHOPPER}")
            for change in ("UPDATE audit SET key_id = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(DBAPIError, match=r"permission denied|never changed"):
                    await profile.rows(f"{change}")
            checked = (await client.get("/v1/views/chain?key_id=anna")).json()
            assert checked == {"key_id": "anna", "checked_count": 4, "broken_sequence": None, "next": None}
            for tampering, broken in (
                ("UPDATE audit SET customer_id = 'somebody else' WHERE sequence = 3", 3),
                ("DELETE FROM audit WHERE sequence = 2", 3),
                ("UPDATE audit SET roles = 'cashier' WHERE sequence = 1", 1),
            ):
                await _as_superuser(database, tampering)
                checked = (await client.get("/v1/views/chain?key_id=anna")).json()
                assert checked["broken_sequence"] == broken


async def test_a_chain_of_any_length_is_checked_a_part_an_answer_and_no_seam_hides_anything(
    database: Database, tmp_path: Path
) -> None:
    async with running_profile(database) as profile:
        await profile.rows(
            """INSERT INTO audit (key_id, viewed_at, roles, action, customer_id, request_id)
               SELECT 'anna', now(), 'read', 'page', 'somebody', 'r' FROM generate_series(1, :looks) RETURNING 1""",
            looks=2 * CHECKED_TOGETHER,
        )
        async with asking(profile, tmp_path, "views:read") as client:

            async def walked() -> tuple[int, int | None]:
                checked, after, broken = 0, 0, None
                while after is not None and broken is None:
                    part = (await client.get(f"/v1/views/chain?key_id=anna&after={after}")).json()
                    checked, after, broken = checked + part["checked_count"], part["next"], part["broken_sequence"]
                return checked, broken

            assert await walked() == (2 * CHECKED_TOGETHER, None)
            seam = CHECKED_TOGETHER + 1  # the last look of the first answer
            await _as_superuser(database, f"DELETE FROM audit WHERE sequence = {seam + 1}")  # noqa: S608 - a number
            assert (await walked())[1] == seam + 2
            await _as_superuser(database, f"UPDATE audit SET hash = 'x' WHERE sequence = {seam}")  # noqa: S608 - a number
            assert (await walked())[1] == seam


async def _as_superuser(database: Database, tampering: str) -> None:
    engine = create_async_engine(database.url())
    async with engine.begin() as connection:
        await connection.execute(text("SET session_replication_role = replica"))  # without triggers
        await connection.execute(text("SET LOCAL search_path TO profile"))
        await connection.execute(text(tampering))
    await engine.dispose()


async def test_a_search_walks_all_customers_of_a_segment_and_all_of_a_prefix_once(
    database: Database, tmp_path: Path
) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale(f"r{n}", card(n), day=n / 10) for n in range(23)])
        await profile.fold_all()
        everybody = set(await profile.snapshots())
        async with asking(profile, tmp_path, "customers:privacy") as client:
            for query, wanted in (
                ("", everybody),
                ("segment_id=new", everybody),
                ("segment_id=lost", set()),
                ("prefix=a", {one for one in everybody if one.startswith("a")}),
                ("prefix=a&segment_id=new", {one for one in everybody if one.startswith("a")}),
            ):
                found: list[str] = []
                after = ""
                while True:
                    asked = f"/v1/customers/search?{query}&limit=5" + (f"&after={after}" if after else "")
                    page = (await client.get(asked)).json()
                    found += [one["customer_id"] for one in page["customers"]]
                    after = page["next"]
                    if after is None:
                        break
                assert len(found) == len(set(found))
                assert set(found) == wanted
            assert (await client.get("/v1/customers/search?prefix=%25")).status_code == 422


async def test_health_says_how_fresh_a_profile_is_and_what_is_missing(database: Database, tmp_path: Path) -> None:
    async with running_profile(database) as profile, asking(profile, tmp_path, "customers:service_desk") as client:
        await profile.take([a_sale("r1", card(1)), a_return("b1", "nowhere", card(1))])

        async def gaps(who: str = SHOPPER) -> dict[str, int | None]:
            answer = (await client.get(f"/v1/customers/{who}/health")).json()
            return {gap["missing"]: gap["count"] for gap in answer["gaps"]}

        common = {"catalogue_labels": 2, "sales_of_returns": 1}
        assert await gaps() == {"view": None, "newest_changes": 1, "consent": None, **common}
        await profile.fold_all()
        assert await gaps() == {"published_view": None, "consent": None, **common}
        await profile.rows("UPDATE customers SET published_version = version RETURNING 1")
        await profile.take([a_consent("c", card(1)), a_view("w", visitor(2))])
        assert await gaps() == {"newest_changes": 1, **common}
        await profile.fold_all()
        assert {"purchases", "link"} <= set(await gaps(own_customer_id(visitor(2).key)))
        health = (await client.get(f"/v1/customers/{SHOPPER}/health")).json()
        assert (health["snapshot_version"], health["published"]) == (2, False)
        assert health["as_of"] == at(0).strftime("%Y-%m-%dT%H:%M:%SZ")
