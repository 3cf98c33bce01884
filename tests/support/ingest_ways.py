"""The ways into the front door, each with something valid to spoil: where it is sent, as what, and hostile forms of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.ingest_hostile import PLACES, Hostile, hostile_json, hostile_xml
from tests.support.poslog_documents import document

MUTANTS = 120
Message = Mapping[str, Any]

SALE: Message = {
    "specversion": "1.0",
    "id": "hostile",
    "source": "urn:fuzz",
    "type": "usual.pos.sale.v1",
    "data": {
        "receipt_id": "r1",
        "store_id": "7",
        "customer": {"kind": "loyalty_card", "value": "7"},
        "currency": "USD",
        "lines": [{"line_no": 1, "item_id": "milk", "quantity": "1.5", "unit": "kg", "amount_cents": 199}],
        "total_cents": 199,
    },
}
CALL: Message = {
    "type": "track",
    "messageId": "hostile",
    "anonymousId": "v1",
    "userId": "u1",
    "event": "Product Added",
    "properties": {"product_id": "milk", "quantity": 2, "price": 1.99, "currency": "USD"},
    "context": {"page": {"path": "/milk"}, "userAgent": "fuzz"},
    "integrations": {"All": True},
}
_CALL_PLACES = (
    *(
        ("type",),
        ("messageId",),
        ("anonymousId",),
        ("userId",),
        ("event",),
        ("timestamp",),
        ("sentAt",),
        ("extension",),
    ),
    *(("properties",), ("properties", "quantity"), ("properties", "price"), ("properties", "products"), ("traits",)),
    *(("context",), ("context", "page"), ("writeKey",)),
)


@dataclass(frozen=True, slots=True)
class Way:
    """One door and one form."""

    name: str
    path: str
    media_type: str
    hostile: Callable[[Random], Iterator[Hostile]]
    valid: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def _alone(message: bytes) -> bytes:
    return message


def _among_others(message: bytes) -> bytes:
    return b"[" + json.dumps({**SALE, "id": "neighbour"}).encode() + b"," + message + b"]"


def _segment_batch(message: bytes) -> bytes:
    return b'{"batch":[' + json.dumps({**CALL, "messageId": "neighbour"}).encode() + b"," + message + b"]}"


def _json_way(name: str, path: str, media_type: str, message: Message, wrap: Callable[[bytes], bytes]) -> Way:
    def hostile(random: Random) -> Iterator[Hostile]:
        if path == EVENTS:
            return hostile_json(message, wrap, random, mutants=MUTANTS)
        return hostile_json(message, wrap, random, mutants=MUTANTS, places=_CALL_PLACES)

    return Way(name, path, media_type, hostile, wrap(json.dumps(message).encode()))


def _binary(random: Random) -> Iterator[Hostile]:
    places = tuple(place[1:] for place in PLACES if place[0] == "data" and len(place) > 1)
    return hostile_json(SALE["data"], _alone, random, mutants=MUTANTS, places=places)


EVENTS = "/v1/events"
IN_HEADERS = {f"ce-{name}": text for name, text in SALE.items() if isinstance(text, str)}
_DOCUMENT = document("sale_v6")
WAYS = (
    _json_way("one event", EVENTS, "application/cloudevents+json", SALE, _alone),
    _json_way("a batch of events", EVENTS, "application/cloudevents-batch+json", SALE, _among_others),
    _json_way("plain JSON", EVENTS, "application/json", SALE, _alone),
    Way("binary mode", EVENTS, "application/json", _binary, json.dumps(SALE["data"]).encode(), IN_HEADERS),
    _json_way("a Segment call", "/v1/track", "application/json", CALL, _alone),
    _json_way("a Segment batch", "/v1/batch", "application/json", CALL, _segment_batch),
    Way("a POSLog", "/v1/poslog", "application/xml", lambda r: hostile_xml(_DOCUMENT, r, mutants=MUTANTS), _DOCUMENT),
)
