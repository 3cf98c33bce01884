"""Who may say what, and when: one event's envelope, contract, scope, store and clock, judged without side effects."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from pydantic import ValidationError

from libs.common.card_numbers import CardNumberGuard
from libs.common.contracts import TOPIC_OF_TYPE, Contract, Event, Topic, contract_of, partition_key_of
from libs.common.contracts.compiled import read_body
from libs.common.contracts.consent import ConsentChanged
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.registry import describe
from libs.common.contracts.topics import INGEST_CATALOG, INGEST_CONSENT, INGEST_WEB
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.errors import Forbidden, InvalidMessage, Kind, UsualError
from services.ingest.domain.clocks import ClockRules, Told, played
from services.ingest.domain.documents import Document, open_event, raw_of
from services.ingest.domain.duplicates import Fingerprint, fingerprint
from services.ingest.domain.envelope import Envelope, EventName, read_name
from services.ingest.domain.junk import junk_in, without
from services.ingest.domain.personal import check_unsealed

WRITE = "events:write"
WEB_WRITE = "web:write"
"""For keys that anybody may read in a page's source: only what a visitor may say."""
PLAY = "play"
SCOPES = (WRITE, WEB_WRITE, PLAY)
"""The scopes that matter here: what is kept of a key with an event that it sent in vain."""
_OWNER = "ingest"
_OF_VISITORS = (INGEST_WEB, INGEST_CONSENT)
_TRACE_CONTEXT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_AT_TYPE = {"pointer": "/type"}
_AT_TIME = {"pointer": "/time"}


class Caller(Protocol):
    """Whose key came with the request."""

    @property
    def store_id(self) -> str:
        """The store that the key is bound to, `*` for none."""
        ...

    def allows(self, scope: str) -> bool:
        """Whether the key carries `scope`."""
        ...

    def may_act_for(self, store_id: str) -> bool:
        """Whether it may speak for this store."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What this deployment admits. In play mode event time is the clock, so that events of any year may come."""

    play_mode: bool = False
    greatest_event_bytes: int = 64 * 1024
    clock: ClockRules = field(default_factory=ClockRules)
    cards: CardNumberGuard = field(default_factory=CardNumberGuard)
    heard_at: datetime | None = None
    """When an event that is sent again from quarantine first came: its clock is judged by that. None: it comes now."""
    sent_at: datetime | None = None
    """What the sender's clock said as it sent the request, where its door asks for that: times are put right by it."""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event that may be published: where to, and its body without white space."""

    event: Event
    topic: Topic
    body: bytes
    fingerprint: Fingerprint
    """Of what was sent, before anything in it is protected."""
    clean: bool
    """Whether nothing in it was escaped, and no text holds a control character."""
    removed: tuple[str, ...] = ()
    """Where identifiers stood that stand for nobody, as JSON pointers."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an event may not enter. Of kind INVALID it is kept in quarantine; without the right to speak it is not."""

    name: EventName
    kind: Kind
    slug: str
    detail: str
    pointer: str
    raw: bytes
    rule: str
    """The stable name of what was broken at the pointer: the contract's rule, else the slug."""
    skew: timedelta | None = None
    """How far ahead of ours the clock was that is refused for it."""


Verdict = Accepted | Refused


def admit(document: Document, caller: Caller, rules: Rules, now: datetime) -> Verdict:
    """Judge one event, never raising for what is wrong with it. `now` is when it was received."""
    try:
        return _admitted(document, caller, rules, now)
    except UsualError as error:
        raw = raw_of(document)
        if error.kind is Kind.UNACCEPTABLE:
            return _forgotten(error, raw, rules)
        name = EventName() if error.kind is Kind.TOO_LARGE else read_name(raw)
        found = error.context
        pointer, rule, skew = str(found.get("pointer", "")), str(found.get("rule", error.slug)), found.get("skew")
        told = skew if isinstance(skew, timedelta) else None
        return Refused(name, error.kind, error.slug, error.detail, pointer, raw, rule, told)


def _forgotten(error: UsualError, raw: bytes, rules: Rules) -> Refused:
    """A refusal that holds nothing of what was sent but the name, and that only where it is clean."""
    name = read_name(raw)
    if rules.cards.is_in(msgspec.json.encode(name)):
        name = EventName()
    return Refused(name, error.kind, error.slug, error.detail, str(error.context["pointer"]), b"", error.slug)


def _admitted(document: Document, caller: Caller, rules: Rules, now: datetime) -> Accepted:
    envelope, clean = open_event(document, rules.cards, rules.greatest_event_bytes)
    model = _contract_of(envelope.type)
    topic = TOPIC_OF_TYPE[envelope.type]
    if topic.owner != _OWNER:
        raise InvalidMessage(f"{envelope.type} does not come in from outside", slug="internal-type", context=_AT_TYPE)
    _check_scope(model, topic, caller, rules)
    told = _told(envelope, rules, now)
    sent = bytes(envelope.data)
    data = _read_body(sent, model, clean=clean)
    check_unsealed(sent, model)
    _check_consent(data, model, caller)
    _check_store(data, model, topic, caller)
    body = _compact(sent)
    seen = fingerprint(envelope.source, envelope.id, envelope.type, envelope.time, body)
    junk = junk_in(data, model)
    if junk:
        body = without(body, junk)
        data = read_body(model, msgspec.Raw(body))
    event = Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        occurred_at=told.at,
        partition_key=partition_key_of(data),
        data=data,
        received_at=now,
        claimed_at=told.claimed_at,
        subject=envelope.subject,
        traceparent=_trace(envelope.traceparent),
    )
    return Accepted(event, topic, body, seen, clean, tuple(f"/data/{name}" for name in junk) if junk else ())


def _trace(traceparent: str | None) -> str | None:
    """A W3C trace context; anything else is ignored, as that specification asks: it could be anybody's words."""
    return traceparent if traceparent is not None and _TRACE_CONTEXT.fullmatch(traceparent) else None


def _compact(body: bytes) -> bytes:
    """A JSON document without white space around its parts; one that holds none anywhere stays as it is."""
    has_space = b" " in body or b"\n" in body or b"\t" in body or b"\r" in body
    return msgspec.json.format(body, indent=-1) if has_space else body


def _contract_of(event_type: str) -> type[Contract]:
    try:
        return contract_of(event_type)
    except InvalidMessage as error:
        raise InvalidMessage(error.detail, slug=error.slug, context=_AT_TYPE) from error


def _check_scope(model: type[Contract], topic: Topic, caller: Caller, rules: Rules) -> None:
    is_tick = model is PlayTicked
    if is_tick and not rules.play_mode:
        raise Forbidden("this deployment does not play data sets", slug="not-in-play-mode", context=_AT_TYPE)
    scope = PLAY if is_tick else WRITE
    if not (caller.allows(scope) or (caller.allows(WEB_WRITE) and topic in _OF_VISITORS)):
        raise Forbidden(f"this key lacks the scope {scope}", slug="missing-scope", context=_AT_TYPE)


def _told(envelope: Envelope, rules: Rules, now: datetime) -> Told:
    """When it happened. Raises InvalidMessage for a clock that cannot be right."""
    if rules.play_mode:
        if envelope.time is None:
            raise InvalidMessage("in a play an event must say when it happened", slug="missing-time", context=_AT_TIME)
        return played(envelope.time)
    heard_at = rules.heard_at or now
    if envelope.time is None:
        return Told(heard_at)
    if rules.sent_at is not None:
        return rules.clock.waited(envelope.time, rules.sent_at, heard_at)
    return rules.clock.believed(envelope.time, heard_at)


def _read_body(raw: bytes, model: type[Contract], *, clean: bool) -> Contract:
    try:
        return read_body(model, raw, clean=clean)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        pointer = "/".join(["/data", *(str(step) for step in first["loc"])])
        raise InvalidMessage(
            describe(error), slug="contract-violation", context={"pointer": pointer, "rule": first["type"]}
        ) from error


def _check_consent(data: Contract, model: type[Contract], caller: Caller) -> None:
    """A key that is public states no consent for an account: whoever guesses its number could give or take it."""
    if model is not ConsentChanged or caller.allows(WRITE):
        return
    customer: Identifier = data.customer  # type: ignore[attr-defined]  # a ConsentChanged, or its compiled likeness
    if customer.kind is not IdentifierKind.WEB_VISITOR:
        raise Forbidden(
            "a public key states the consent of a visitor only",
            slug="consent-of-another",
            context={"pointer": "/data/customer/kind"},
        )


def _check_store(data: Contract, model: type[Contract], topic: Topic, caller: Caller) -> None:
    """A key that is bound to a store speaks for this store only, and never for the whole chain."""
    if caller.may_act_for("*"):
        return
    declared = getattr(data, "store_id", None) if "store_id" in model.model_fields else None
    if declared is None and topic is INGEST_CATALOG:
        raise Forbidden("master data of the chain needs a key of the chain", slug="wrong-store", context=_AT_TYPE)
    if declared is not None and not caller.may_act_for(declared):
        raise Forbidden("this key speaks for another store", slug="wrong-store", context={"pointer": "/data/store_id"})
