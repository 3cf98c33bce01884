"""Personal data leaves an accepted event before it is published: identifiers become pseudonyms, texts are sealed or dropped.

What is published of an event's body is otherwise what was sent, byte for byte. Members that no contract names are of nobody
knows what: of an event that names a person they travel together, as one sealed text (unnamed.py).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from libs.common.contracts import (
    CONTRACTS,
    Contract,
    Event,
    Place,
    contract_of,
    is_sealed,
    partition_key_of,
    personal_fields,
)
from libs.common.contracts.compiled import read_body
from libs.common.contracts.personal import SEALED_PREFIX
from libs.common.contracts.values import Identifier
from libs.common.errors import InvalidMessage
from libs.common.pseudonyms import Pseudonyms
from services.ingest.domain import unnamed
from services.ingest.domain.field_policy import Action, FieldPolicy
from services.ingest.domain.splicing import spliced
from services.ingest.domain.treatment import Treatment, treatment_of

_EVERY: Final = "*"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_SEALED_BYTES = SEALED_PREFIX.encode()
Change = Callable[[str], str | None]
"""What becomes of a text; None: it goes."""


class Draft(msgspec.Struct, gc=False):
    """An event whose identifiers are pseudonyms; its texts are still as they were sent."""

    event: Event
    body: bytes
    treatment: Treatment
    members: dict[str, msgspec.Raw] | None
    person: str | None
    """Whose key its texts are sealed under: its first identifier's, behind the doors."""
    needs_key: bool
    unnamed: bytes | None = None
    """Members that the contract does not name, to be sealed."""


class Treatments:
    """Which treatment an event gets; worked out once for each type and country."""

    def __init__(self, policy: FieldPolicy, pseudonyms: Pseudonyms, home: str | None = None) -> None:
        self._policy = policy
        self._pseudonyms = pseudonyms
        self._home = home
        self._known: dict[tuple[str, str | None], Treatment] = {}

    def draft(self, event: Event, body: bytes, country: str | None, *, clean: bool) -> Draft:
        """The event with pseudonyms in the place of its identifiers, and what is still to be done with it.

        `country` is the sender's; None: the deployment's. `clean`: the body holds no backslash.
        """
        treatment = self._treatment(event.type, country or self._home)
        if not (treatment.identifiers or treatment.texts):
            return Draft(event, body, treatment, None, None, needs_key=False)
        renamed: dict[str, tuple[Identifier, str]] = {}
        keys: dict[str, str] = {}
        person = None
        for name in treatment.identifiers:
            identifier = getattr(event.data, name)
            if identifier is not None:
                pseudonym = self._pseudonyms.value_of(identifier.kind, identifier.value)
                renamed[name] = identifier, pseudonym
                keys[identifier.key] = key = f"{identifier.kind}:{pseudonym}"
                person = person or key
        plain = clean and not treatment.texts and not isinstance(event.data, Contract)
        named = spliced(body, treatment.identifiers, renamed) if plain else None
        if named is not None:
            return Draft(_renamed(event, keys, named), named, treatment, None, person, needs_key=False)
        members = _members.decode(body)
        for name, (identifier, value) in renamed.items():
            # Nothing else that the object may hold: it would stand beside the pseudonym.
            members[name] = msgspec.Raw(_encode({"kind": identifier.kind, "value": value}))
        others = None
        if person is not None and treatment.unnamed is not Action.PASS and unnamed.are_in(event.data):
            members, taken = unnamed.apart(members, event.data)
            others = taken if treatment.unnamed is Action.ENCRYPT else None
        body = _encode(members)
        needs_key = others is not None or (bool(treatment.texts) and _has_text_to_seal(members, treatment))
        return Draft(_renamed(event, keys, body), body, treatment, members, person, needs_key, others)

    def _treatment(self, event_type: str, country: str | None) -> Treatment:
        known = self._known.get((event_type, country))
        if known is None:
            actions = self._policy.actions(event_type, country)
            known = treatment_of(CONTRACTS[event_type], actions, self._policy.unnamed(country))
            self._known[event_type, country] = known
        return known


def finished(draft: Draft, seal: Change | None) -> tuple[Event, bytes]:
    """The event and its body as they are published; `seal` is needed when the draft says so."""
    if draft.members is None or not (draft.treatment.texts or draft.unnamed):
        return draft.event, draft.body
    members: dict[str, Any] = dict(draft.members)
    for name, places in draft.treatment.texts.items():
        if name not in members:
            continue
        value = msgspec.json.decode(members[name])
        for place, action in places:
            may_go = (name, *place) in draft.treatment.optional
            change = _dropped(may_go=may_go) if action is Action.DROP else seal
            value = _changed(value, place, change or _unsealed)
        if value is None:
            del members[name]
        else:
            members[name] = msgspec.Raw(_encode(value))
    if draft.unnamed is not None:
        members[unnamed.SEALED_MEMBERS] = (seal or _unsealed)(draft.unnamed.decode())
    return draft.event, _encode(members)


def check_unsealed(body: bytes, model: type[Contract]) -> None:
    """Only this door seals: raises InvalidMessage (`already-sealed`) for a personal text that looks sealed already.

    Behind the doors whatever looks sealed is; and a sealed text may be longer than one that is sent.
    """
    places = personal_fields(model)
    if not places or not (_SEALED_BYTES in body or b"\\" in body):
        return
    document = msgspec.json.decode(body)
    for place, _ in places:
        if any(is_sealed(text) for text in _texts(document, place)):
            pointer = "/".join(["/data", *place])
            raise InvalidMessage("a sender seals nothing", slug="already-sealed", context={"pointer": pointer})


def _renamed(event: Event, renamed: Mapping[str, str], body: bytes) -> Event:
    if not renamed:
        return event
    key = renamed.get(event.partition_key, event.partition_key)
    if len(renamed) > 1:
        key = partition_key_of(read_body(contract_of(event.type), body))
    # Nobody knows what else a sender's own words would say of the person.
    subject = None if event.subject is None else next(iter(renamed.values()))
    return event.renamed(key, subject)


def _has_text_to_seal(members: Mapping[str, msgspec.Raw], treatment: Treatment) -> bool:
    return any(
        next(_texts(msgspec.json.decode(members[name]), place), None) is not None
        for name, places in treatment.texts.items()
        if name in members
        for place, action in places
        if action is Action.ENCRYPT
    )


def _texts(value: Any, place: Place) -> Any:
    """Every text at `place` in `value`."""
    if not place:
        if isinstance(value, str):
            yield value
    elif place[0] == _EVERY:
        for one in value if isinstance(value, list) else ():
            yield from _texts(one, place[1:])
    elif isinstance(value, dict):
        yield from _texts(value.get(place[0]), place[1:])


def _changed(value: Any, place: Place, change: Change) -> Any:
    """`value` with every text at `place` changed; None for a text that goes."""
    if not place:
        return change(value) if isinstance(value, str) else value
    if place[0] == _EVERY:
        return [_changed(one, place[1:], change) for one in value] if isinstance(value, list) else value
    if not isinstance(value, dict) or place[0] not in value:
        return value
    after = _changed(value[place[0]], place[1:], change)
    rest = {name: below for name, below in value.items() if name != place[0]}
    return rest if after is None else {**value, place[0]: after}


def _dropped(*, may_go: bool) -> Change:
    return lambda _text: None if may_go else ""


def _unsealed(_text: str) -> str:
    raise ValueError("a text to seal, and no key")
