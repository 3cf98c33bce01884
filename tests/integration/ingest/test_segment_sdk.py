"""Segment's own SDK, unchanged, pointed at our door: what it sends is in the topics, also after an outage, under its own ids."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from segment.analytics.client import Client

from libs.common.clock import SystemClock
from libs.common.contracts import Event, decode
from libs.common.http.credentials import new_key, write_credentials
from libs.common.service import migrate_service
from libs.common.streaming.reader import TopicReader, TopicRecord
from libs.laptop.embedded_broker import EmbeddedBroker
from services.ingest.app import create_app
from services.ingest.bootstrap import SERVICE, assemble
from services.ingest.settings import Settings
from tests.integration.ingest.running import PATIENCE_SECONDS, settings_for
from tests.support.browser import eventually
from tests.support.http_serving import serving
from tests.support.postgres import Database
from tests.support.secrets import behind_the_door

TOPICS = ("ingest.web.v1", "ingest.consent.v1")
SENT_AWAY_AFTER_SECONDS = 3.0
SHOE = {"product_id": "shoe", "price": 19.99, "quantity": 2}


@dataclass
class Sdk:
    """A site's server with the SDK, the door that it talks to, and the broker behind."""

    client: Client
    door: str
    office: str
    broker: EmbeddedBroker
    settings: Settings
    errors: list[Exception] = field(default_factory=list)

    def events(self) -> list[Event]:
        return asyncio.run(self._events())

    async def _events(self) -> list[Event]:
        records: list[TopicRecord] = []
        async with TopicReader(
            self.settings.stream("sdk-test", call_deadline_seconds=PATIENCE_SECONDS), TOPICS
        ) as reader:
            while not await reader.at_end():
                records += await reader.read()
        return [decode(record.headers, record.value or b"") for record in records]

    def quarantined(self) -> list[dict[str, Any]]:
        with httpx.Client(trust_env=False, headers={"x-api-key": self.office}, timeout=PATIENCE_SECONDS) as client:
            items: list[dict[str, Any]] = client.get(f"{self.door}/v1/quarantine").json()["items"]
        return items

    def was_sent_away(self) -> bool:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            return 'code="503"' in client.get(f"{self.door}/metrics").text


@pytest.fixture
def sdk(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sdk]:
    monkeypatch.setenv("NO_PROXY", "*")  # else a proxy of the machine would be asked for a loopback address
    broker = EmbeddedBroker(tmp_path / "broker")
    asyncio.run(broker.start())
    settings = settings_for(database, broker, tmp_path, publish_deadline_seconds=SENT_AWAY_AFTER_SECONDS)
    key, site = new_key("site-2026", frozenset({"events:write"}), holder="shop.example")
    office_key, office = new_key("office", frozenset({"quarantine:read"}))
    write_credentials(settings.credentials_file, [site, office])

    async def make_app() -> FastAPI:
        await migrate_service(SERVICE, settings)
        return create_app(assemble(settings, SystemClock()))

    errors: list[Exception] = []
    try:
        with serving(make_app) as door:
            with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
                eventually(lambda: client.get(f"{door}/readyz").is_success, "the door is ready")
            site_sdk = Client(key, host=door, on_error=lambda error, _calls: errors.append(error), upload_interval=0.05)
            yield Sdk(site_sdk, door, office_key, broker, settings, errors)
            site_sdk.join()
    finally:
        asyncio.run(broker.stop())


def test_what_the_sdk_is_told_is_in_the_topics_under_its_ids_and_pseudonyms(sdk: Sdk) -> None:
    at = datetime.now(UTC) - timedelta(hours=2)  # noqa: TID251 - a site's own clock
    client = sdk.client
    client.identify("42", {"email": "jane@example.com", "firstName": "Jane"})
    client.page("42", name="Milk", properties={"url": "https://shop.example/milk?from=mail"}, anonymous_id="v1")
    client.alias("v0", "42")
    client.track("42", "Product Viewed", {**SHOE, "currency": "EUR"}, timestamp=at, message_id="viewed")
    order = {"order_id": "o1", "currency": "EUR", "products": [SHOE], "total": 44.98, "shipping": 5}
    client.track("42", "Order Completed", order, anonymous_id="v1")
    client.track("42", "Video Started", {"title": "Milk"}, message_id="video")
    client.flush()
    assert sdk.errors == []
    events = sdk.events()
    assert {event.source for event in events} == {"segment:shop.example"}
    by_type = {event.type: event for event in events}
    viewed = by_type["usual.web.product_viewed.v1"]
    assert viewed.id == "viewed"
    assert abs(viewed.occurred_at - at) < timedelta(seconds=10)
    assert viewed.partition_key == behind_the_door("account:42")
    assert by_type["usual.web.page_viewed.v1"].partition_key == behind_the_door("web_visitor:v1")
    assert by_type["usual.web.page_viewed.v1"].data.model_dump(mode="json")["url_path"].startswith("sealed:")
    ordered = by_type["usual.web.ordered.v1"].data.model_dump(mode="json")
    assert (ordered["total_cents"], ordered["lines"][0]["amount_cents"]) == (4498, 3998)
    described = by_type["usual.identity.described.v1"].data.model_dump(mode="json")
    assert described["traits"]["email"].startswith("sealed:")
    links = [event for event in events if event.type == "usual.identity.linked.v1"]
    assert len(links) == 4, "an e-mail address, one visitor said twice, and an alias that may be either"
    (kept,) = sdk.quarantined()
    assert (kept["event_id"], kept["slug"], kept["type"]) == ("video", "unknown-type", "segment.track.Video Started")


def test_the_sdk_sends_again_what_was_not_acknowledged_and_nothing_is_lost(sdk: Sdk) -> None:
    process = sdk.broker.child.process
    process.send_signal(signal.SIGSTOP)
    try:
        for number in range(5):
            sdk.client.track("42", "Product Viewed", SHOE, message_id=f"view-{number}")
        sdk.client.track("42", "Video Started", message_id="video")
        eventually(sdk.was_sent_away, "an honest 503")
    finally:
        process.send_signal(signal.SIGCONT)
    sdk.client.flush()
    assert {event.id for event in sdk.events()} == {f"view-{number}" for number in range(5)}
    assert [kept["event_id"] for kept in sdk.quarantined()] == ["video"]
    assert sdk.errors == []
