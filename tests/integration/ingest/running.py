"""A door on a real broker and a real database, in this process, and what its topics hold."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr

from libs.common.clock import SystemClock
from libs.common.http.credentials import new_key, write_credentials
from libs.common.service import migrate_service
from libs.common.streaming.reader import TopicReader, TopicRecord
from services.ingest.app import create_app
from services.ingest.bootstrap import SERVICE, Ingest, assemble
from services.ingest.settings import Settings
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.support.secrets import SECRET_FILE
from tests.unit.ingest.examples import an_event

PATIENCE_SECONDS = 30.0
PATIENT: Mapping[str, float] = dict.fromkeys(
    ("publish_deadline_seconds", "quarantine_deadline_seconds", "person_key_deadline_seconds"), PATIENCE_SECONDS
)
"""For laws that are not about time: a busy machine makes no answer unknown."""
PROMPT: Mapping[str, float] = {name: Settings.model_fields[name].default for name in PATIENT}
"""As a deployment has them."""

CALLERS: Mapping[str, frozenset[str]] = {
    "till": frozenset({"events:write"}),
    "player": frozenset({"events:write", "play"}),
    "office": frozenset({"quarantine:read"}),
    "mender": frozenset({"quarantine:read", "quarantine:write"}),
}


@dataclass
class RunningDoor:
    """A door that is up, and a client of it."""

    ingest: Ingest
    client: AsyncClient
    keys: Mapping[str, str]

    async def send(self, body: object, *, caller: str = "till") -> Response:
        return await self.client.post(
            "/v1/events",
            content=json.dumps(body),
            headers={"content-type": "application/json", "x-api-key": self.keys[caller]},
        )

    async def statuses(self, body: Sequence[object]) -> list[str]:
        return [result["status"] for result in (await self.send(body)).json()["results"]]

    async def quarantined(self) -> list[dict[str, Any]]:
        answer = await self.client.get("/v1/quarantine", headers={"x-api-key": self.keys["office"]})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def records(self, topic: str, ids: Sequence[str]) -> list[TopicRecord]:
        """What the topic holds of these events, read from the start of its log to its end."""
        settings = self.ingest.settings.stream("ingest-test", call_deadline_seconds=PATIENCE_SECONDS)
        found: list[TopicRecord] = []
        async with TopicReader(settings, [topic]) as reader:
            while not await reader.at_end():
                found += await reader.read()
        return [record for record in found if record.header("ce_id") in ids]


def settings_for(database: Database, broker: Broker, folder: Path, **changes: Any) -> Settings:
    """Settings of one door on this database and broker, its keys in `folder`; patient unless told otherwise."""
    return Settings(
        database_url=SecretStr(database.url("ingest")),
        kafka_bootstrap=broker.bootstrap,
        kafka_idempotence=broker.idempotence,
        partitions_cap=4,
        credentials_file=folder / "credentials.json",
        pseudonym_key_file=SECRET_FILE,
        key_encryption_key_file=SECRET_FILE,
        **{**PATIENT, **changes},
    )


@asynccontextmanager
async def running_door(settings: Settings, *, connected: bool = True) -> AsyncIterator[RunningDoor]:
    """Migrate, start and in the end stop a door; with `connected` it has reached the broker."""
    keys = {name: new_key(name, scopes) for name, scopes in CALLERS.items()}
    write_credentials(settings.credentials_file, [credential for _, credential in keys.values()])
    if connected:
        await migrate_service(SERVICE, settings)
    ingest = assemble(settings, SystemClock())
    app = create_app(ingest)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://door") as client,
    ):
        if connected:
            await asyncio.wait_for(ingest.publisher.reached.wait(), 2 * PATIENCE_SECONDS)
        yield RunningDoor(ingest, client, {name: key for name, (key, _) in keys.items()})


def new_ids(count: int) -> list[str]:
    """Event ids that nobody used: the broker is shared by all tests."""
    return [uuid4().hex for _ in range(count)]


def a_recent_event(event_id: str, **changes: Any) -> dict[str, Any]:
    """A valid sale that happened now."""
    return an_event(**{"id": event_id, "time": None, **changes})
