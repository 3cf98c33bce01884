"""A request's calls, and each call as structured CloudEvents; the Segment door hands them to accept_events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from libs.common.contracts import parse_moment
from libs.common.errors import InvalidInput
from libs.common.ids import derived_id
from services.ingest.domain.halves import without_halves
from services.ingest.domain.segment.commerce import TRACKED, page
from services.ingest.domain.segment.members import Members, below, text
from services.ingest.domain.segment.people import Handle, Who, described, former_handles, preferences

CONSENTS = frozenset({"segment consent preference", "segment consent preference updated"})
_NOT_KEPT = frozenset({"writeKey", "sentAt", "context", "integrations"})
_LONGEST_NAME = 100
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Request:
    """What one request brought. `sent_at` is what the sender's clock said then: it tells how wrong that clock is."""

    calls: Sequence[Members]
    write_key: str | None
    sent_at: datetime | None


def read_request(body: bytes, kind: str | None) -> Request:
    """The calls of a body: a single one of `kind`, or with None a batch. Raises InvalidInput when it is none."""
    try:
        content = _content(body)
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidInput("the body is not a JSON object", slug="invalid-json") from error
    calls: Sequence[Members] = [{**content, "type": kind}]
    if kind is None:
        found = content.get("batch")
        if not isinstance(found, list) or not all(isinstance(call, dict) for call in found):
            raise InvalidInput("`batch` is a list of calls", slug="invalid-json")
        calls = found
    told = {**(calls[0] if calls else {}), **content}  # some senders say it in each call of a batch
    return Request(calls, text(told.get("writeKey")), _moment(told.get("sentAt")))


def _content(body: bytes) -> Members:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return _decoder.decode(without_halves(body))


@dataclass(frozen=True, slots=True)
class Ids:
    """Where ids come from that a call does not bring."""

    new: Callable[[], str]
    """One that nobody had, for a call without its own."""
    keyed: Callable[[str, str], str]
    """One that follows from a kind and a text, by which nobody outside finds the text: `Pseudonyms.value_of`."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One event of a call. `event_id` None: the call's own. What is `standing` is no news of the call's moment."""

    type: str
    data: Members
    event_id: str | None = None
    standing: bool = False


def translate(call: Members, source: str, ids: Ids) -> Sequence[bytes]:
    """A call as one event or several, the first under the call's own id. Raises InvalidInput for one nested too deeply.

    What follows from a call, such as two handles that are one person, has an id that follows from what it says: however
    often a sender repeats it, it is one event.
    """
    call_id = text(call.get("messageId")) or ids.new()
    at = text(call.get("originalTimestamp")) or text(call.get("timestamp"))
    try:
        return [_encoder.encode(_structured(said, call_id, source, at)) for said in _said(call, call_id, ids)]
    except RecursionError as error:
        raise InvalidInput("a call is nested too deeply", slug="invalid-json") from error


def _structured(said: _Said, call_id: str, source: str, at: str | None) -> Members:
    event = {
        "specversion": "1.0",
        "id": said.event_id or call_id,
        "source": source,
        "type": said.type,
        "data": said.data,
    }
    return event if said.standing or at is None else {**event, "time": at}


def _said(call: Members, call_id: str, ids: Ids) -> Iterator[_Said]:
    who = Who.of(call)
    yield from _itself(call, call_id, who)
    traits = below(call, "traits") if call.get("type") == "identify" else {}
    for first, second in who.links(traits):
        pair = ids.keyed("link", "\x1f".join([*first.values(), *second.values()]))
        yield _Said("usual.identity.linked.v1", _link(first, second), pair, standing=True)


def _itself(call: Members, call_id: str, who: Who) -> Iterator[_Said]:
    seen_as = {"visitor": who.seen_as} if who.seen_as is not None else {}
    name = (text(call.get("event")) or "").lower()
    match call.get("type"):
        case "page":
            yield _Said("usual.web.page_viewed.v1", {**seen_as, **page(call)})
        case "track" if name in TRACKED:
            event_type, body_of = TRACKED[name]
            yield _Said(event_type, {**seen_as, **body_of(below(call, "properties"))})
        case "track" if name in CONSENTS and any(preferences(call)):
            yield from _consents(call, call_id, who)
        case "identify":
            known_as = {"customer": who.known_as} if who.known_as is not None else {}
            traits = described(below(call, "traits"))
            yield _Said("usual.identity.described.v1", {**known_as, "traits": traits})
        case "alias" if pairs := list(former_handles(call, who)):
            for place, pair in enumerate(pairs):
                yield _Said("usual.identity.linked.v1", _link(*pair), _numbered(call_id, place))
        case _:
            yield _Said(_unknown_type(call), {name: said for name, said in call.items() if name not in _NOT_KEPT})


def _consents(call: Members, call_id: str, who: Who) -> Iterator[_Said]:
    customer = {"customer": who.seen_as} if who.seen_as is not None else {}
    for place, (purpose, granted) in enumerate(preferences(call)):
        body = {**customer, "purpose": purpose, "channel": "web", "granted": granted}
        yield _Said("usual.consent.changed.v1", body, _numbered(call_id, place))


def _link(first: Handle, second: Handle) -> Members:
    return {"first": first, "second": second, "reason": "segment"}


def _numbered(call_id: str, place: int) -> str | None:
    """The id of the event at this place of a call that says several things of one kind."""
    return derived_id(call_id, str(place)) if place else None


def _unknown_type(call: Members) -> str:
    """A type that no contract has, named so that whoever finds it in quarantine sees what was called."""
    name = text(call.get("event")) if call.get("type") == "track" else None
    kind = text(call.get("type")) or "call"
    return f"segment.{kind[:_LONGEST_NAME]}" + (f".{name[:_LONGEST_NAME]}" if name is not None else "")


def _moment(value: object) -> datetime | None:
    try:
        return parse_moment(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
