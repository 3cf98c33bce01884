"""Takes what is personal out of accepted events, with the keys of the persons where texts must be sealed; called by judging."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from libs.common.errors import UsualError
from libs.common.persistence import Message
from libs.common.sealing import PersonKey
from services.ingest.domain.admission import Accepted
from services.ingest.domain.duplicates import Fingerprint
from services.ingest.domain.personal import Change, Draft, Treatments, finished
from services.ingest.handlers.sealing import PersonKeyUnavailable, Sealing


class Ready(msgspec.Struct, frozen=True, gc=False):
    """An event as it is published, and what must be known of it afterwards."""

    id: str
    source: str
    type: str
    fingerprint: Fingerprint
    message: Message
    removed: tuple[str, ...]
    """Where identifiers stood that stand for nobody."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """An event that needs its person's key, or that comes after such a one of its own partition key."""

    accepted: Accepted
    draft: Draft


@dataclass(frozen=True, slots=True)
class Protection:
    """What stands between admission and the topics."""

    treatments: Treatments
    sealing: Sealing

    def protect(self, accepted: Accepted, country: str | None, held: Container[str]) -> Ready | Waiting:
        """The event with pseudonyms in the place of its identifiers; it waits when it needs a key or its partition key is held."""
        draft = self.treatments.draft(accepted.event, accepted.body, country, clean=accepted.clean)
        if draft.needs_key or draft.event.partition_key in held:
            return Waiting(accepted, draft)
        return _ready(accepted, draft, None)

    async def seal(self, waiting: Sequence[Waiting]) -> Sequence[Ready | UsualError]:
        """The events as they are published; one whose person's key cannot be had in time fails alone."""
        drafts = [one.draft for one in waiting]
        keys = await self.sealing.keys_of({draft.person for draft in drafts if draft.needs_key and draft.person})
        return [_sealed(one, keys) for one in waiting]


def _sealed(one: Waiting, keys: Mapping[str, PersonKey]) -> Ready | UsualError:
    if not one.draft.needs_key:
        return _ready(one.accepted, one.draft, None)
    key = keys.get(one.draft.person or "")
    if key is None:
        return PersonKeyUnavailable("the key of this person is out of reach; send the event again")
    return _ready(one.accepted, one.draft, key.seal_text)


def _ready(accepted: Accepted, draft: Draft, seal: Change | None) -> Ready:
    event, body = finished(draft, seal)
    key = event.partition_key.encode()
    message = Message(topic=accepted.topic.name, key=key, headers=event.headers(), value=body)
    return Ready(event.id, event.source, event.type, accepted.fingerprint, message, accepted.removed)
