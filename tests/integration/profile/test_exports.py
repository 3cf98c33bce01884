"""An export is whole or not at all: every part is in it, as JSON and as a page, and any part that is away refuses it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from libs.common.clock import FixedClock
from libs.common.contracts import Event
from libs.common.contracts.feedback import NpsAnswered
from libs.common.errors import RetryableError
from libs.common.http.credentials import Credentials, new_key, write_credentials
from libs.common.http.problems import add_problem_handlers
from services.profile.api.privacy import exports_router
from services.profile.bootstrap.export import Door, sources_of
from services.profile.handlers.exporting import Exporting, Sources
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.looking import Looking
from services.profile.ports.export import HeldEvents
from services.profile.store import PostgresProfileStore
from tests.integration.profile.test_erasures import GUEST, ONE, a_life, erase
from tests.support.postgres import Database
from tests.support.profile_events import a_consent, a_sale, an_event, at
from tests.support.profile_running import RunningProfile, running_profile, settings_for

NASTY = "<script>alert('hello')</script>"
SEALED, UNREADABLE = "sealed:v1:abc", "sealed:v1:gone"
ID = own_customer_id(ONE.key)


def a_comment(event_id: str, text: str, day: float) -> Event:
    return an_event(NpsAnswered(customer=ONE, survey_id="s", score=9, comment=text), event_id, day)


@dataclass
class Elsewhere:
    """Topics, ingest and offers; each may be away, or hang."""

    away: str | None = None
    hangs: bool = False
    events: list[Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def sources(self) -> Sources:
        return Sources(_Topics(self), _Opener(self), _Offers(self))

    async def reach(self, part: str) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away == part:
            raise RetryableError("away", slug="export-part-away")


@dataclass
class _Topics:
    elsewhere: Elsewhere

    async def of(self, identifiers: Collection[str]) -> Sequence[HeldEvents]:
        await self.elsewhere.reach("topics")
        held = HeldEvents(topic="ingest.pos.v1", retention_days=28, held_since=at(0), events=self.elsewhere.events)
        return [held]


@dataclass
class _Opener:
    elsewhere: Elsewhere

    async def open(self, texts: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str | None]]:
        await self.elsewhere.reach("ingest")
        assert list(texts) == [ONE.key]
        return {ONE.key: [NASTY if text == SEALED else None for text in texts[ONE.key]]}


@dataclass
class _Offers:
    elsewhere: Elsewhere

    async def of(self, customer_id: str) -> Mapping[str, Any]:
        await self.elsewhere.reach("offers")
        self.elsewhere.asked.append(customer_id)
        return {"decisions": [{"decision_id": f"d-{customer_id}", "reason": "offered"}], "vouchers": [{"id": "v"}]}


@asynccontextmanager
async def asking(
    profile: RunningProfile, elsewhere: Elsewhere, folder: Path, deadline_seconds: float = 10.0
) -> AsyncIterator[AsyncClient]:
    key, credential = new_key("privacy", frozenset({"privacy:read"}))
    write_credentials(folder / "credentials.json", [credential])
    exporting = Exporting(
        profile.parts.transactions,
        PostgresProfileStore,
        elsewhere.sources,
        Looking(profile.parts.transactions, PostgresProfileStore, clock=FixedClock(at(20))),
        clock=FixedClock(at(20)),
        deadline_seconds=deadline_seconds,
    )
    app = FastAPI()
    app.state.credentials = Credentials(folder / "credentials.json", FixedClock(at(20)))
    add_problem_handlers(app)
    app.include_router(exports_router(exporting))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://p", headers={"x-api-key": key}) as client:
        yield client


async def test_every_part_is_in_it_as_json_and_as_a_page(database: Database, tmp_path: Path) -> None:
    elsewhere = Elsewhere(events=[a_comment("n1", SEALED, 2), a_comment("n2", UNREADABLE, 3), a_sale("r1", ONE)])
    async with running_profile(database) as profile, asking(profile, elsewhere, tmp_path) as client:
        await profile.take([*a_life(), a_consent("c3", ONE, day=3, evidence=SEALED)])
        await profile.fold_all()
        answer = await client.get(f"/v1/customers/{own_customer_id(GUEST.key)}/export")
        whole = answer.json()
        assert answer.headers["cache-control"] == "no-store"
        assert [event["id"] for event in whole["events"]] == ["sale-r1", "n1", "n2"]
        assert [event["data"].get("comment") for event in whole["events"]] == [None, NASTY, None]
        assert whole["profile"]["totals"]["receipts_count"] == 2
        assert {facet["identifier"] for facet in whole["facets"]} == {ONE.key, GUEST.key}
        card = next(facet for facet in whole["facets"] if facet["identifier"] == ONE.key)
        assert card["counted"]["amount_cents"] == 600
        assert "item-1" in str(card["known"])
        words = [(word["purpose"], word["basis"], word["evidence"]) for word in whole["consents"]]
        assert words == [("personal_offers", "consent", None), ("personal_offers", "consent", NASTY)]
        assert whole["events_held"][0]["held_since"] is not None
        assert sorted(elsewhere.asked) == sorted({own_customer_id(ONE.key), own_customer_id(GUEST.key)})
        assert len(whole["decisions"]) == len(whole["vouchers"]) == 2
        page = await client.get(f"/v1/customers/{ID}/export", headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert NASTY not in page.text
        assert "&lt;script&gt;alert(&#x27;hello&#x27;)" in page.text
        assert f"d-{ID}" in page.text
        looks = await profile.rows("SELECT key_id, roles, action, customer_id, request_id FROM audit ORDER BY id")
        person = whole["customer_id"]
        assert [tuple(look.values()) for look in looks] == [
            ("privacy", "privacy", "export", person, answer.headers["x-request-id"]),
            ("privacy", "privacy", "export", person, page.headers["x-request-id"]),
        ]


@pytest.mark.parametrize("part", ["topics", "ingest", "offers"])
async def test_a_part_that_is_away_refuses_the_whole(database: Database, tmp_path: Path, part: str) -> None:
    elsewhere = Elsewhere(away=part, events=[a_comment("n1", SEALED, 2)])
    async with running_profile(database) as profile, asking(profile, elsewhere, tmp_path) as client:
        await profile.take(a_life())
        answer = await client.get(f"/v1/customers/{ID}/export")
        assert (answer.status_code, answer.json()["title"]) == (503, "export-part-away")
        assert ONE.key not in answer.text
        assert await profile.rows("SELECT 1 FROM audit") == []


async def test_what_takes_too_long_is_refused(database: Database, tmp_path: Path) -> None:
    elsewhere = Elsewhere(hangs=True)
    async with running_profile(database) as profile, asking(profile, elsewhere, tmp_path, 0.2) as client:
        await profile.take(a_life())
        answer = await client.get(f"/v1/customers/{ID}/export")
        assert (answer.status_code, answer.json()["title"]) == (503, "export-not-in-time")


async def test_an_export_of_somebody_who_came_back_shows_nothing_from_before(
    database: Database, tmp_path: Path
) -> None:
    elsewhere = Elsewhere(events=[a_comment("old", SEALED, 2), a_sale("new", ONE, day=11)])
    async with running_profile(database) as profile, asking(profile, elsewhere, tmp_path) as client:
        await profile.take(a_life())
        await profile.fold_all()
        await erase(profile, ID, day=10)
        assert (await client.get(f"/v1/customers/{ID}/export")).status_code == 404
        await profile.take([a_sale("new", ONE, day=11)])
        whole = (await client.get(f"/v1/customers/{ID}/export")).json()
        assert [event["id"] for event in whole["events"]] == ["sale-new"]
        assert whole["consents"] == []


async def test_a_deployment_that_does_not_say_where_the_others_are_exports_nothing(database: Database) -> None:
    settings = settings_for(database)
    with pytest.raises(RetryableError) as refused:
        await sources_of(settings).offers.of("x")
    assert refused.value.slug == "export-not-set-up"
    named = settings_for(database, offers_url="http://127.0.0.1:1", service_key_file=settings.pseudonym_key_file)
    with pytest.raises(RetryableError) as away:
        await Door("offers", named).ask("GET", "/")
    assert away.value.slug == "export-part-away"
