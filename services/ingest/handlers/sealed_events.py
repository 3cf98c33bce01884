"""Events in quarantine as they lie there: sealed, under the key of whom they name, else under that of the day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from libs.common.pseudonyms import Pseudonyms
from services.ingest.domain.persons import named_in
from services.ingest.handlers.sealing import PersonKeyUnavailable, Sealing, key_name
from services.ingest.ports import QuarantinedEvent


@dataclass(frozen=True, slots=True)
class SealedEvents:
    """Seals before the store, opens after it. When a person's key is deleted, nobody opens what was sealed under it."""

    sealing: Sealing
    pseudonyms: Pseudonyms

    async def sealed(self, events: Sequence[QuarantinedEvent]) -> Sequence[QuarantinedEvent]:
        """The same events with sealed bytes; raises PersonKeyUnavailable."""
        names = [key_name(self._person(event.raw), event.at) for event in events]
        keys = await self.sealing.keys_of(set(names))
        if not keys.keys() >= set(names):
            raise PersonKeyUnavailable("the keys to seal these with are out of reach")
        return [
            replace(event, raw=keys[name].seal(event.raw), sealed_under=name)
            for event, name in zip(events, names, strict=True)
        ]

    async def sealed_bytes(self, raw: bytes, now: datetime) -> tuple[str, bytes]:
        """The name of the key and the sealed bytes of a mended event; raises PersonKeyUnavailable."""
        return await self.sealing.seal_bytes(self._person(raw), raw, now)

    async def opened(self, event: QuarantinedEvent) -> QuarantinedEvent:
        """The event with its bytes as they came. Raises PersonKeyGone, PersonKeyUnavailable, SealBroken."""
        raw, after = event.raw, event.mended
        if event.sealed_under is not None:
            raw = await self.sealing.open_bytes(event.sealed_under, raw)
        if after is not None and event.mended_sealed_under is not None:
            after = await self.sealing.open_bytes(event.mended_sealed_under, after)
        return replace(event, raw=raw, mended=after)

    def _person(self, raw: bytes) -> str | None:
        person = named_in(raw)
        return None if person is None else self.pseudonyms.of(person).key
