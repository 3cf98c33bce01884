"""The sources of an export: topics read from their start, and the doors of ingest and offers over HTTP."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from libs.common.contracts import Event, Topic, decode
from libs.common.contracts.topics import INGEST_CONSENT, INGEST_FEEDBACK, INGEST_POS, INGEST_WEB
from libs.common.errors import InvalidMessage, RetryableError
from libs.common.streaming import Cluster, StreamSettings
from libs.common.streaming.reader import TopicReader, TopicRecord
from services.profile.handlers.exporting import Sources
from services.profile.handlers.suppressing import names_in
from services.profile.ports.export import HeldEvents
from services.profile.settings import Settings

TOPICS = (INGEST_POS, INGEST_WEB, INGEST_FEEDBACK, INGEST_CONSENT)
_LINKED = "usual.identity.linked.v1"
_TEXTS_TOGETHER = 200
_CALL_SECONDS = 20.0


def sources_of(settings: Settings) -> Sources:
    """Where to ask; nothing is read or connected before the first export."""
    return Sources(
        TopicEvents(settings.stream("profile-export")),
        IngestDoor(Door("ingest", settings)),
        OffersDoor(Door("offers", settings)),
    )


class TopicEvents:
    """Fits EventSource: reads each topic up to where it ends now. What is read costs as much as the topics are long."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings

    async def of(self, identifiers: Collection[str]) -> Sequence[HeldEvents]:
        """As the port promises."""
        found: dict[str, dict[str, Event]] = {topic.name: {} for topic in TOPICS}
        since: dict[str, int] = {}
        names = [topic.name for topic in TOPICS]
        async with TopicReader(self._settings, names) as reader:
            async with Cluster(self._settings) as cluster:
                ends = await cluster.end_offsets(names)
            while any(position < ends.get(place, 0) for place, position in reader.positions().items()):
                for record in await reader.read():
                    since[record.topic] = min(since.get(record.topic, record.written_at_ms), record.written_at_ms)
                    event = _event_of(record, identifiers)
                    if event is not None:
                        found[record.topic].setdefault(event.event_id, event)
        return [_held(topic, since.get(topic.name), list(found[topic.name].values())) for topic in TOPICS]


class Door:
    """Another service over HTTP, with the key of this one."""

    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._url = {"ingest": settings.ingest_url, "offers": settings.offers_url}[service]
        self._key_file = settings.service_key_file

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a good answer; raises RetryableError for anything else, and when the door is not set up."""
        if self._url is None or self._key_file is None:
            raise RetryableError(f"this deployment does not say where {self._service} is", slug="export-not-set-up")
        headers = {"x-api-key": self._key_file.read_text().strip()}
        try:
            async with httpx.AsyncClient(
                base_url=self._url, headers=headers, timeout=_CALL_SECONDS, trust_env=False
            ) as client:
                answer = await client.request(method, path, json=body)
                return answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise RetryableError(
                f"{self._service} did not answer ({type(error).__name__})", slug="export-part-away"
            ) from error


class IngestDoor:
    """Fits Opener."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def open(self, texts: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str | None]]:
        """As the port promises."""
        opened: dict[str, list[str | None]] = {person: [] for person in texts}
        for person, sealed in texts.items():
            for first in range(0, len(sealed), _TEXTS_TOGETHER):
                some = sealed[first : first + _TEXTS_TOGETHER]
                body = {"persons": [{"person": person, "texts": list(some)}]}
                answer = await self._door.ask("POST", "/v1/persons/open", body)
                opened[person] += answer["texts"][0]
        return opened


class OffersDoor:
    """Fits OffersHistory."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def of(self, customer_id: str) -> Mapping[str, Any]:
        """As the port promises."""
        history: Mapping[str, Any] = await self._door.ask("GET", f"/v1/customers/{customer_id}/history")
        return history


def _event_of(record: TopicRecord, identifiers: Collection[str]) -> Event | None:
    """The event, if it names one of these; by its key alone where that says it, so that strangers' bodies stay closed."""
    if record.value is None:
        return None
    if record.header("ce_partitionkey") not in identifiers and record.header("ce_type") != _LINKED:
        return None
    try:
        event = decode(record.headers, record.value)
    except InvalidMessage:
        return None
    return event if not set(identifiers).isdisjoint(names_in(event.data)) else None


def _held(topic: Topic, since_ms: int | None, events: Sequence[Event]) -> HeldEvents:
    return HeldEvents(
        topic=topic.name,
        retention_days=topic.retention.days if topic.retention else 0,
        held_since=None if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC),
        events=events,
    )
