"""All that is held of a person, in one answer: whole, or not at all."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from libs.common.clock import Clock
from libs.common.contracts import Event, identifier_fields, is_sealed
from libs.common.errors import NotFound, RetryableError
from libs.common.persistence import Transaction, Transactions
from services.profile.handlers.export_shapes import ConsentRecord, EventRecord, Export, FacetRecord, HeldTopic, plain
from services.profile.handlers.looking import Looking, Viewer
from services.profile.handlers.snapshots import identifier_of
from services.profile.handlers.suppressing import effective
from services.profile.handlers.views import customer_view
from services.profile.ports import ProfileStore
from services.profile.ports.export import EventSource, OffersHistory, Opener
from services.profile.ports.privacy import ConsentWord


@dataclass(frozen=True, slots=True)
class Sources:
    """Where else something is held."""

    events: EventSource
    opener: Opener
    offers: OffersHistory


class Exporting:
    """One per API process; on no hot path. Everything must be there within the deadline."""

    def __init__(
        self,
        transactions: Transactions,
        store_of: Callable[[Transaction], ProfileStore],
        sources: Sources,
        looking: Looking,
        *,
        clock: Clock,
        deadline_seconds: float,
    ) -> None:
        self._transactions = transactions
        self._store_of = store_of
        self._sources = sources
        self._looking = looking
        self._clock = clock
        self._deadline_seconds = deadline_seconds

    async def export(self, customer_id: str, viewer: Viewer) -> Export:
        """All that is held of the customer that this id stands for; raises NotFound, RetryableError when any part is away.

        It is kept as a look, before it is shown.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                whole = await self._whole(customer_id)
                async with self._transactions.begin() as tx:
                    await self._looking.note(self._store_of(tx), viewer, "export", whole.customer_id)
                return whole
        except TimeoutError as error:
            raise RetryableError("not all could be gathered in time", slug="export-not-in-time") from error

    async def _whole(self, customer_id: str) -> Export:
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            person = await store.privacy.person(customer_id)
            if person is None:
                raise NotFound("no such customer", slug="unknown-customer")
            view = await customer_view(store, person.customer_id)
            rows = (await store.customers.facets([person.customer_id])).get(person.customer_id, ())
            words = await store.privacy.words(person.identifiers)
            erased = await store.privacy.suppressed(person.identifiers)
        held = await self._sources.events.of(person.identifiers)
        histories = [await self._sources.offers.of(known_id) for known_id in person.customer_ids]
        # What a topic still holds from before an earlier erasure is of nobody.
        of_now = [replace(one, events=effective(one.events, erased)) for one in held]
        consents, events = await self._opened(words, [event for one in of_now for event in one.events])
        return Export(
            customer_id=person.customer_id,
            made_at=self._clock.now(),
            identifiers=tuple(map(identifier_of, person.identifiers)),
            profile=view,
            facets=tuple(
                FacetRecord(identifier=row.identifier, counted=plain(row.effects), known=plain(row.facet))
                for row in rows
            ),
            consents=consents,
            events=events,
            events_held=tuple(
                HeldTopic(
                    topic=one.topic,
                    retention_days=one.retention_days,
                    held_since=one.held_since,
                    events_count=len(one.events),
                )
                for one in of_now
            ),
            decisions=tuple(decision for history in histories for decision in history["decisions"]),
            vouchers=tuple(voucher for history in histories for voucher in history["vouchers"]),
        )

    async def _opened(
        self, words: Sequence[ConsentWord], events: Sequence[Event]
    ) -> tuple[tuple[ConsentRecord, ...], tuple[EventRecord, ...]]:
        """Both with their sealed texts opened, the events in the order of time."""
        bodies = [(event, json.loads(event.body())) for event in sorted(events, key=lambda one: one.occurred_at)]
        sealed: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for person, said in ((_sealed_for(event), body) for event, body in bodies):
            sealed[person] |= dict.fromkeys(filter(is_sealed, _texts(said)))
        for word in words:
            sealed[word.identifier] |= dict.fromkeys(filter(is_sealed, _texts(word.evidence)))
        asked = {person: list(texts) for person, texts in sealed.items() if texts}
        found = await self._sources.opener.open(asked) if asked else {}
        opened = {person: dict(zip(texts, found[person], strict=True)) for person, texts in asked.items()}
        return (
            tuple(_consent(word, _with(word.evidence, opened.get(word.identifier, {}))) for word in words),
            tuple(_event(event, _with(body, opened.get(_sealed_for(event), {}))) for event, body in bodies),
        )


def _consent(word: ConsentWord, evidence: str | None) -> ConsentRecord:
    return ConsentRecord(
        identifier=word.identifier,
        purpose=word.purpose,
        channel=word.channel,
        granted=word.granted,
        basis=word.basis,
        evidence=evidence,
        occurred_at=word.occurred_at,
    )


def _event(event: Event, body: Any) -> EventRecord:
    return EventRecord(
        id=event.id,
        source=event.source,
        type=event.type,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        data=body,
    )


def _sealed_for(event: Event) -> str:
    """Under whose key its texts are sealed: that of its first identifier; what names nobody holds none."""
    for place in identifier_fields(type(event.data)):
        identifier = getattr(event.data, place[0], None)
        if identifier is not None:
            return str(identifier.key)
    return ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(below)


def _with(value: Any, opened: Mapping[str, str | None]) -> Any:
    if isinstance(value, str):
        return opened.get(value, value)
    if isinstance(value, dict):
        return {name: _with(below, opened) for name, below in value.items()}
    return [_with(below, opened) for below in value] if isinstance(value, list) else value
