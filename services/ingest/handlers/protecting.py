"""Takes what is personal out of accepted events, with the keys of the persons where texts must be sealed; called by accepting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libs.common.errors import UsualError
from libs.common.sealing import PersonKey
from services.ingest.domain.admission import Accepted
from services.ingest.domain.personal import Draft, Treatments, finished
from services.ingest.handlers.sealing import PersonKeyUnavailable, Sealing


@dataclass(frozen=True, slots=True)
class Protection:
    """What stands between admission and the topics."""

    treatments: Treatments
    sealing: Sealing

    def draft(self, ones: Sequence[Accepted], country: str | None) -> Sequence[tuple[Accepted, Draft]]:
        """Each with pseudonyms in the place of its identifiers; what is left to be done needs no key, or is for `seal`."""
        return [(one, self.treatments.draft(one.event, one.body, country)) for one in ones]

    async def seal(self, drafts: Sequence[tuple[Accepted, Draft]]) -> Sequence[Accepted | UsualError]:
        """The events as they are published; one whose person's key cannot be had in time fails alone."""
        keys = await self.sealing.keys_of({draft.person for _, draft in drafts if draft.needs_key and draft.person})
        return [_sealed(one, draft, keys) for one, draft in drafts]


def apart(
    drafts: Sequence[tuple[Accepted, Draft]],
) -> tuple[Sequence[tuple[Accepted, Draft]], Sequence[tuple[Accepted, Draft]]]:
    """What can go at once, and what must wait for a key or behind such an event of its own partition key."""
    ready, waiting = [], []
    held: set[str] = set()
    for one, draft in drafts:
        if draft.needs_key or draft.event.partition_key in held:
            held.add(draft.event.partition_key)
            waiting.append((one, draft))
        else:
            ready.append((one, draft))
    return ready, waiting


def plain(one: Accepted, draft: Draft) -> Accepted:
    """An event that needs no key, as it is published."""
    event, body = finished(draft, None)
    return Accepted(event, one.topic, body, one.fingerprint, one.removed)


def _sealed(one: Accepted, draft: Draft, keys: Mapping[str, PersonKey]) -> Accepted | UsualError:
    if not draft.needs_key:
        return plain(one, draft)
    key = keys.get(draft.person or "")
    if key is None:
        return PersonKeyUnavailable("the key of this person is out of reach; send the event again")
    event, body = finished(draft, key.seal_text)
    return Accepted(event, one.topic, body, one.fingerprint, one.removed)
