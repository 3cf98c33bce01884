"""One person in a whole running system, a canary in everything that they can leave behind; and where to look for it."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from libs.common.clock import SystemClock
from libs.common.contracts import CONTRACTS, TOPICS, identifier_fields, is_sealed
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader, TopicRecord
from libs.laptop.launch import SERVICES, Service
from libs.laptop.system import System
from services.ingest.domain.field_policy import INCOMING
from tests.support.canaries import found_in, with_canaries
from tests.unit.ingest.examples import DATA, TICK

EVERYTHING_SEALED = "default: {sorts: {behaviour: encrypt, direct: encrypt, free_text: encrypt}}"
PATIENCE_SECONDS = 60.0
TYPES = [name for name in INCOMING if name != TICK and identifier_fields(CONTRACTS[name])]
STORE, ITEM = "usual.catalog.store.v1", "usual.catalog.item.v1"


class SealingSystem(System):
    """A live system whose policy seals whatever a contract calls personal."""

    def environment_of(self, process: Service) -> dict[str, str]:
        """As the system says, with the policy."""
        policy = self.state.path / "policy.yaml"
        policy.write_text(EVERYTHING_SEALED)
        return super().environment_of(process) | {"USUAL_FIELD_POLICY_FILE": str(policy)}


@dataclass
class Life:
    """One person: a card and a visitor, and the canaries that events of theirs hold."""

    system: System
    mark: str = field(default_factory=lambda: uuid4().hex[:10])
    texts: list[str] = field(default_factory=list)

    @property
    def card(self) -> dict[str, str]:
        return {"kind": "loyalty_card", "value": f"canary{self.mark}card"}

    @property
    def visitor(self) -> dict[str, str]:
        return {"kind": "web_visitor", "value": f"canary{self.mark}visitor"}

    @property
    def canaries(self) -> list[str]:
        return [*self.texts, self.card["value"], self.visitor["value"]]

    @property
    def pseudonyms(self) -> list[str]:
        """What the person is called behind the doors."""
        secret = self.system.keys.pseudonyms(play=False)
        return [secret.key_of(f"{one['kind']}:{one['value']}") for one in (self.card, self.visitor)]

    def events(self) -> Iterator[tuple[dict[str, Any], str]]:
        """A valid and an invalid event of every type that names a person, with what becomes of each at the door."""
        for number, event_type in enumerate(TYPES):
            body, planted = with_canaries(event_type, DATA[event_type], f"{self.mark}n{number}")
            self._become_theirs(event_type, body)
            self.texts += [text for text in planted if re.search(r"i\d+$", text) is None]  # not the identifiers'
            yield self.event(event_type, body), "accepted"
            note = f"canary{self.mark}n{number}note"
            self.texts.append(note)
            yield self.event(event_type, {**body, "note": note}, at=datetime(1999, 1, 1, tzinfo=UTC)), "quarantined"

    def event(self, event_type: str, body: dict[str, Any], *, at: datetime | None = None) -> dict[str, Any]:
        at = at or SystemClock().now()
        return {
            "specversion": "1.0",
            "id": uuid4().hex,
            "source": "urn:test:life",
            "type": event_type,
            "time": at.isoformat(),
            "data": body,
        }

    def consent(self, *, granted: bool, purpose: str = "personal_offers") -> dict[str, Any]:
        return self.event("usual.consent.changed.v1", {"customer": self.card, "purpose": purpose, "granted": granted})

    def link(self) -> dict[str, Any]:
        return self.event("usual.identity.linked.v1", {"first": self.card, "second": self.visitor})

    def sale(self, receipt_id: str) -> dict[str, Any]:
        sold = {**DATA["usual.pos.sale.v1"], "customer": self.card, "receipt_id": receipt_id}
        return self.event("usual.pos.sale.v1", sold)

    def master_data(self) -> list[dict[str, Any]]:
        return [self.event(name, dict(DATA[name])) for name in (STORE, ITEM)]

    def _become_theirs(self, event_type: str, body: dict[str, Any]) -> None:
        for place in identifier_fields(CONTRACTS[event_type]):
            of_the_web = place[0] in {"visitor", "second"}
            body[place[0]] = self.visitor if of_the_web else self.card
        for name in ("receipt_id", "order_id"):
            if name in body:
                body[name] = f"{body[name]}-{self.mark}"

    async def ask(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """An answer of a door to head office, or to a till for what only tills may."""
        caller = "till" if path.startswith(("/v1/checkouts", "/v1/redemptions")) else "office"
        keyed = {"x-api-key": self.system.keys.key(caller), **headers}
        address = self.system.record().addresses[service]
        async with httpx.AsyncClient(base_url=address, headers=keyed, trust_env=False, timeout=30.0) as client:
            return await client.request(method, path, json=body)

    async def send(self, events: Sequence[dict[str, Any]]) -> list[str]:
        answer = await self.ask("ingest", "POST", "/v1/events", list(events))
        return [result["status"] for result in answer.json()["results"]]

    async def customer(self) -> httpx.Response:
        return await self.ask("profile", "GET", f"/v1/customers?identifier=loyalty_card:{self.card['value']}")

    async def checkout(self, checkout_id: str) -> dict[str, Any]:
        body = {
            "checkout_id": checkout_id,
            "receipt_id": f"receipt-{checkout_id}",
            "store_id": "7",
            "customer": self.card,
            "currency": "USD",
            "lines": [{"line_no": 1, "item_id": "bread", "quantity": "1", "amount_cents": 250}],
            "total_cents": 250,
            "deadline_ms": 2_000,
        }
        return dict((await self.ask("offers", "POST", "/v1/checkouts", body)).json())

    async def records(self) -> list[TopicRecord]:
        """Every record of every topic and of its dead letters."""
        broker = self.system.broker
        settings = StreamSettings(bootstrap=broker.bootstrap, client_id="life", idempotence=broker.idempotence)
        found: list[TopicRecord] = []
        async with TopicReader(settings, [topic.name for topic in TOPICS]) as reader:
            while not await reader.at_end():
                found += await reader.read()
        return found


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `look` finds once it is wanted; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted(found := await look()):  # noqa: ASYNC110 - a whole system is waited for
            await asyncio.sleep(0.1)  # noqa: TID251 - see above
    return found


async def tables_with(system: System, needles: list[str], database: str | None = None) -> dict[str, list[str]]:
    """The tables of all services whose rows hold one of these, in text or in bytes, with those that they hold."""
    url = system.postgres.url(**({} if database is None else {"database": database})).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    found: dict[str, list[str]] = {}
    try:
        for schema in SERVICES:
            for (table,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema):
                rows = await connection.fetch(f'SELECT * FROM {schema}."{table}"')  # noqa: S608 - our own names
                cells = (cell for row in rows for cell in row.values())
                whole = b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
                if hits := found_in(whole, needles):
                    found[f"{schema}.{table}"] = hits
    finally:
        await connection.close()
    return found


async def opened(life: Life, records: Sequence[TopicRecord]) -> list[str]:
    """Every sealed text of these records that any key of any person still opens."""
    sealed = sorted({text for record in records if record.value for text in _sealed_in(json.loads(record.value))})
    readable: list[str] = []
    for person in life.pseudonyms:
        for first in range(0, len(sealed), 200):
            body = {"persons": [{"person": person, "texts": sealed[first : first + 200]}]}
            answer = (await life.ask("ingest", "POST", "/v1/persons/open", body)).json()
            readable += [text for text in answer["texts"][0] if text is not None]
    return readable


def files_with(folder: Path, needles: list[str]) -> list[str]:
    """The files below `folder` (logs, databases, everything that a system keeps) that hold one of these."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and found_in(path.read_bytes(), needles)
    ]


def _sealed_in(value: Any) -> Iterator[str]:
    if isinstance(value, str) and is_sealed(value):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _sealed_in(below)
