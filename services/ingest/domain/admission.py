"""Who may say what, and when: one event's envelope, contract, scope, store and clock, judged without side effects."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
from pydantic import ValidationError

from libs.common.contracts import TOPIC_OF_TYPE, Contract, Event, Topic, contract_of, partition_key_of
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.registry import describe
from libs.common.contracts.topics import INGEST_CATALOG
from libs.common.errors import Forbidden, InvalidMessage, Kind, TooLarge, UsualError
from services.ingest.domain.envelope import Envelope, EventName, read_envelope, read_name

WRITE = "events:write"
PLAY = "play"
_OWNER = "ingest"
_AT_TYPE = {"pointer": "/type"}
_AT_TIME = {"pointer": "/time"}
_CALENDAR = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


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
    ahead: timedelta = timedelta(minutes=5)
    """How far a caller's clock may be ahead of ours."""
    behind: timedelta = timedelta(days=400)
    """How old an event may be: a till that was away sends late, a till with a wrong clock sends nonsense."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that may be published: where to, and its body without white space."""

    event: Event
    topic: Topic
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an event may not enter. Of kind INVALID it is kept in quarantine; without the right to speak it is not."""

    name: EventName
    kind: Kind
    slug: str
    detail: str
    pointer: str
    raw: bytes


def admit(raw: bytes | msgspec.Raw, caller: Caller, rules: Rules, now: datetime) -> Accepted | Refused:
    """Judge one event, never raising for what is wrong with it. `now` is when it was received."""
    try:
        return _admitted(raw, caller, rules, now)
    except UsualError as error:
        name = EventName() if error.kind is Kind.TOO_LARGE else read_name(raw)
        pointer = str(error.context.get("pointer", ""))
        return Refused(name, error.kind, error.slug, error.detail, pointer, bytes(raw))


def _admitted(raw: bytes | msgspec.Raw, caller: Caller, rules: Rules, now: datetime) -> Accepted:
    if len(memoryview(raw)) > rules.greatest_event_bytes:
        raise TooLarge(f"an event may have {rules.greatest_event_bytes} bytes", slug="event-too-large")
    envelope = read_envelope(raw)
    model = _contract_of(envelope.type)
    topic = TOPIC_OF_TYPE[envelope.type]
    if topic.owner != _OWNER:
        raise InvalidMessage(f"{envelope.type} does not come in from outside", slug="internal-type", context=_AT_TYPE)
    _check_scope(model, caller, rules)
    occurred_at = _occurred_at(envelope, rules, now)
    data = _read_body(envelope.data, model)
    _check_store(data, topic, caller)
    event = Event(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        occurred_at=occurred_at,
        partition_key=partition_key_of(data),
        data=data,
        received_at=now,
        subject=envelope.subject,
        traceparent=envelope.traceparent,
    )
    return Accepted(event, topic, msgspec.json.format(bytes(envelope.data), indent=-1))


def _contract_of(event_type: str) -> type[Contract]:
    try:
        return contract_of(event_type)
    except InvalidMessage as error:
        raise InvalidMessage(error.detail, slug=error.slug, context=_AT_TYPE) from error


def _check_scope(model: type[Contract], caller: Caller, rules: Rules) -> None:
    is_tick = model is PlayTicked
    if is_tick and not rules.play_mode:
        raise Forbidden("this deployment does not play data sets", slug="not-in-play-mode", context=_AT_TYPE)
    scope = PLAY if is_tick else WRITE
    if not caller.allows(scope):
        raise Forbidden(f"this key lacks the scope {scope}", slug="missing-scope", context=_AT_TYPE)


def _occurred_at(envelope: Envelope, rules: Rules, now: datetime) -> datetime:
    """When it happened. Raises InvalidMessage for a clock that cannot be right."""
    if envelope.time is None:
        if rules.play_mode:
            raise InvalidMessage("in a play an event must say when it happened", slug="missing-time", context=_AT_TIME)
        return now
    earliest, latest = _CALENDAR if rules.play_mode else (now - rules.behind, now + rules.ahead)
    if not earliest <= envelope.time <= latest:
        raise InvalidMessage(
            f"not between {earliest:%Y-%m-%d %H:%M} and {latest:%Y-%m-%d %H:%M} UTC",
            slug="clock-wrong",
            context=_AT_TIME,
        )
    return envelope.time.astimezone(UTC)


def _read_body(raw: msgspec.Raw, model: type[Contract]) -> Contract:
    try:
        return model.model_validate_json(bytes(raw))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        pointer = "/".join(["/data", *(str(step) for step in first["loc"])])
        raise InvalidMessage(describe(error), slug="contract-violation", context={"pointer": pointer}) from error


def _check_store(data: Contract, topic: Topic, caller: Caller) -> None:
    """A key that is bound to a store speaks for this store only, and never for the whole chain."""
    if caller.may_act_for("*"):
        return
    declared = getattr(data, "store_id", None) if "store_id" in type(data).model_fields else None
    if declared is None and topic is INGEST_CATALOG:
        raise Forbidden("master data of the chain needs a key of the chain", slug="wrong-store", context=_AT_TYPE)
    if declared is not None and not caller.may_act_for(declared):
        raise Forbidden("this key speaks for another store", slug="wrong-store", context={"pointer": "/data/store_id"})
