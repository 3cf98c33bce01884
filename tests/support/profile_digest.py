"""One digest a part of all that profile holds at rest: what must not depend on who died when, and how often it was folded.

Left out: numbers of deltas, marks and blocks, versions and what of them is published, owners of offsets, times of the server,
tombstones and customers that stand for themselves again (whether a row of them exists tells how often was folded), and for the same
reason when somebody entered a segment.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import asyncpg
import msgspec

from services.profile.domain.contact import Contact, PackedPurchase
from services.profile.domain.delta import Delta, decode_delta
from services.profile.domain.facet_codec import decode, encode

Line = tuple[object, ...]


async def digests_of(connection: asyncpg.Connection) -> Mapping[str, str]:
    """By part: facets, views, what was told, identity, consents, segments, receipts, the inbox, what was learned; all as `all`."""
    found = {part: _digest(map(lines, await connection.fetch(sql))) for part, (sql, lines) in _PARTS.items()}
    deltas = {row["delta_id"]: row for row in await connection.fetch("SELECT * FROM profile.facet_deltas")}
    told = {delta_id: decode_delta(row["body"]) for delta_id, row in deltas.items()}
    found["told"] = _digest(_told(deltas, told))
    receipts = await connection.fetch("SELECT * FROM profile.receipts")
    found["receipts"] = _digest(_receipt(row, deltas, told) for row in receipts)
    joined = "".join(f"{part}={digest}\n" for part, digest in sorted(found.items()))
    return {**found, "all": hashlib.sha256(joined.encode()).hexdigest()[:16]}


async def contacts_of(connection: asyncpg.Connection) -> Counter[str]:
    """How often facets were told of each event, by its id."""
    rows = await connection.fetch("SELECT body FROM profile.facet_deltas")
    return Counter(contact.event_id for row in rows for contact in decode_delta(row["body"]).contacts)


def _digest(lines: Iterable[Line]) -> str:
    whole = hashlib.sha256()
    for line in sorted(map(repr, lines)):
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()[:16]


def _told(deltas: Mapping[int, asyncpg.Record], told: Mapping[int, Delta]) -> Iterable[Line]:
    """Contact by contact: how they were batched is left out."""
    for delta_id, delta in told.items():
        for contact in delta.contacts:
            yield deltas[delta_id]["identifier"], msgspec.msgpack.encode(contact)


def _receipt(row: asyncpg.Record, deltas: Mapping[int, asyncpg.Record], told: Mapping[int, Delta]) -> Line:
    """A receipt and the purchase that it points at."""
    delta_id = row["delta_id"]
    if delta_id is None:
        return row["receipt_key"].hex, row["sold"], row["voided"], None
    contact: Contact = told[delta_id].contacts[row["position"]]
    assert isinstance(contact, PackedPurchase)
    return row["receipt_key"].hex, row["sold"], row["voided"], deltas[delta_id]["identifier"], contact.event_id


def _as_it_is(row: asyncpg.Record) -> Line:
    return tuple(row)


def _facet(row: asyncpg.Record) -> Line:
    """In canonical bytes."""
    return (*(value for name, value in row.items() if name != "state"), encode(decode(row["state"])))


def _view(row: asyncpg.Record) -> Line:
    """Without its version."""
    body: dict[str, Any] = json.loads(row["body"])
    return row["customer_id"], json.dumps({**body, "version": None}, sort_keys=True)


_PARTS: Mapping[str, tuple[str, Callable[[asyncpg.Record], Line]]] = {
    "facets": ("SELECT * FROM profile.facets", _facet),
    "views": ("SELECT customer_id, body FROM profile.customers WHERE body IS NOT NULL", _view),
    "links": ("SELECT * FROM profile.links", _as_it_is),
    "identity": (
        "SELECT customer_id, now_customer_id FROM profile.identity_changes WHERE now_customer_id <> customer_id",
        _as_it_is,
    ),
    "consents": ("SELECT * FROM profile.consents", _as_it_is),
    "consent words": ("SELECT * FROM profile.consent_words", _as_it_is),
    "members": ("SELECT customer_id, segment_id FROM profile.segment_members", _as_it_is),
    "sizes": ("SELECT segment_id, members_count FROM profile.segment_sizes WHERE members_count > 0", _as_it_is),
    "parked": ("SELECT event_id, receipt_id, body FROM profile.parked", _as_it_is),
    "inbox": ("SELECT event_key FROM profile.inbox", _as_it_is),
    "in line": ("SELECT occurred_at, event_id, identifier, purchase FROM profile.learning_queue", _as_it_is),
    "learners": ("SELECT learner, number, trained_until, baskets_count, state FROM profile.learner_states", _as_it_is),
    "learner customers": ("SELECT identifier, state FROM profile.learner_customers", _as_it_is),
    "models": ("SELECT model_name, number, model_id, trained_until, body FROM profile.models", _as_it_is),
}
