"""The envelope of one CloudEvent as it comes in, its body still unread; called by admission."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from libs.common.contracts import format_moment
from libs.common.errors import InvalidMessage
from services.ingest.domain.halves import without_halves

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Attribute = Annotated[Short, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]+\Z")]
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")


class Envelope(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `libs.common.contracts.StructuredEvent` says, in a form that leaves the body's bytes as they are.

    Members that it does not name are tolerated and not passed on. This one is for clean documents: their texts hold no
    control characters.
    """

    specversion: Literal["1.0"]
    id: Short
    source: Short
    type: Short
    data: msgspec.Raw
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    subject: Short | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Short | None = None
    traceparent: Short | None = None


class _PlainEnvelope(Envelope, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True):
    """With nothing that would have to be looked at besides."""


class _AnyEnvelope(Envelope, frozen=True, kw_only=True, gc=False):
    id: Attribute
    source: Attribute
    type: Attribute
    subject: Attribute | None = None
    dataschema: Attribute | None = None
    traceparent: Attribute | None = None


class _Names(msgspec.Struct):
    id: Any = None
    source: Any = None
    type: Any = None


class EventName(msgspec.Struct, frozen=True):
    """How an event calls itself, as far as that can be read: all that a refused one may be found by."""

    id: str | None = None
    source: str | None = None
    type: str | None = None


_clean_envelope = msgspec.json.Decoder(Envelope)
_any_envelope = msgspec.json.Decoder(_AnyEnvelope)
_names = msgspec.json.Decoder(_Names)
_batch = msgspec.json.Decoder(list[msgspec.Raw])
_plain_batch = msgspec.json.Decoder(list[_PlainEnvelope])


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """The events of a JSON array, each still unread, as it came; raises InvalidMessage when it is none."""
    try:
        return _split(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidMessage("the body is not a JSON array", slug="invalid-json") from error


def _split(body: bytes) -> list[msgspec.Raw]:
    try:
        return _batch.decode(body)
    except msgspec.DecodeError:
        # Where an event holds half a character, it alone is to be refused.
        readable, events, begin = without_halves(body), list[msgspec.Raw](), 0
        for one in map(bytes, _batch.decode(readable)):
            begin = readable.index(one, begin)
            events.append(msgspec.Raw(body[begin : begin + len(one)]))
            begin += len(one)
        return events


def read_plain(body: bytes) -> Sequence[Envelope]:
    """The envelopes of a clean JSON array of events, read in one go; empty unless all are right and hold no unknown member."""
    try:
        envelopes = _plain_batch.decode(body)
        for one in envelopes:
            _check_time(one)
    except (msgspec.DecodeError, OverflowError, RecursionError, UnicodeDecodeError):
        return []
    return envelopes


def read_envelope(raw: bytes | msgspec.Raw, *, clean: bool = False) -> Envelope:
    """The envelope; raises InvalidMessage (`invalid-json`, `invalid-envelope`) with the JSON pointer in its context.

    `clean`: no text of it holds a control character, which need not be looked for then.
    """
    try:
        envelope: Envelope = (_clean_envelope if clean else _any_envelope).decode(raw)
        _check_time(envelope)
    except msgspec.ValidationError as error:
        raise InvalidMessage(
            _PLACE.sub("", str(error)), slug="invalid-envelope", context={"pointer": _pointer(str(error))}
        ) from error
    except OverflowError as error:
        raise InvalidMessage("not a time in UTC", slug="invalid-envelope", context={"pointer": "/time"}) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage("not JSON", slug="invalid-json", context={"pointer": ""}) from error
    return envelope


def read_name(raw: bytes | msgspec.Raw) -> EventName:
    """What a refused event calls itself; parts that are missing or no attributes are None. Never raises."""
    try:
        names = _names.decode(without_halves(bytes(raw)))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return EventName()
    return EventName(_attribute(names.id), _attribute(names.source), _attribute(names.type))


def _check_time(envelope: Envelope) -> None:
    if envelope.time is not None:
        format_moment(envelope.time)  # an offset can push a time out of the calendar: OverflowError


def _attribute(found: object) -> str | None:
    try:
        return msgspec.convert(found, Attribute)
    except msgspec.ValidationError:
        return None


def _pointer(message: str) -> str:
    """`... - at `$.id`` as the JSON pointer `/id`."""
    place = _PLACE.search(message)
    return place["path"].replace(".", "/") if place else ""
