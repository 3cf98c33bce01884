"""A profile database filled by COPY with synthetic customers, as the worker and the folder would have left it at rest."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks.profile.size.histories import CARD_MARK, CUSTOMER_MARK, GUEST_MARK, RECEIPT_MARK, History
from benchmarks.profile.year import Progress
from libs.common.ids import derived_id
from libs.common.pseudonyms import Pseudonyms
from services.profile.domain.delta import Effects
from services.profile.store.facets import DELTAS_A_BLOCK
from services.profile.store.receipts import receipt_key

AT_ONCE = 2_000
_BLOCKS = "SELECT nextval('profile.facet_delta_blocks') FROM generate_series(1, $1)"
REPEATS_KNOWN = 4
"""Events a customer in the inbox's days, each known once to the worker and once to the learner."""
_AT = datetime(2018, 1, 1, tzinfo=UTC)
_PROBES = 2_147_483_629
_EFFECTS = Effects.__struct_fields__
COLUMNS = {
    "facets": ("identifier", "own_customer_id", "customer_id", "state", *_EFFECTS),
    "facet_deltas": ("delta_id", "identifier", "written_on", "body"),
    "receipts": ("receipt_key", "delta_id", "position", "sold", "written_on"),
    "customers": ("customer_id", "version", "published_version", "accepted_at", "headers", "body"),
    "consents": ("identifier", "purpose", "channel", "granted", "occurred_at", "event_id", "accepted_at"),
    "consent_words": ("identifier", "occurred_at", "event_id", "purpose", "channel", "granted", "basis"),
    "links": ("first_customer_id", "second_customer_id", "linked", "occurred_at", "event_id"),
    "identity_changes": (
        *("customer_id", "now_customer_id", "version", "published_version", "occurred_at", "accepted_at"),
    ),
    "inbox": ("event_key",),
}
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Named:
    """The names of a synthetic customer: one identifier or two, and the id that they stand for."""

    identifiers: Sequence[str]
    own_ids: Sequence[str]

    @property
    def customer_id(self) -> str:
        """The id of all of them."""
        return min(self.own_ids)


def raw_identifiers(number: int) -> Sequence[str]:
    """What a till or a page would call this customer."""
    return f"loyalty_card:{number}", f"web_visitor:{number}"


def history_for(number: int, made: Sequence[History]) -> History:
    """The same customer always has the same history, and neighbours have different ones."""
    return made[number * _PROBES % len(made)]


def named(number: int, history: History, pseudonyms: Pseudonyms) -> Named:
    """The names of a customer."""
    identifiers = [pseudonyms.key_of(raw) for raw in raw_identifiers(number)[: len(history.facets)]]
    return Named(identifiers, [derived_id("customer", identifier) for identifier in identifiers])


async def fill(
    connection: asyncpg.Connection,
    made: Sequence[History],
    pseudonyms: Pseudonyms,
    numbers: range,
    progress: Progress,
) -> None:
    """Add these customers."""
    copied: asyncio.Task[None] | None = None
    batches = range(numbers.start, numbers.stop, AT_ONCE)
    # A block of ids for each batch's deltas, from the sequence that a worker on this database takes its own from.
    blocks = await connection.fetch(_BLOCKS, len(batches))
    for first, (block,) in zip(batches, blocks, strict=True):
        some = range(first, min(first + AT_ONCE, numbers.stop))
        rows = await asyncio.to_thread(rows_of, made, pseudonyms, some, block * DELTAS_A_BLOCK)
        if copied is not None:
            await copied
        copied = asyncio.create_task(_copy(connection, rows))
        progress("customers", first, numbers.stop)
    if copied is not None:
        await copied


async def _copy(connection: asyncpg.Connection, rows: Rows) -> None:
    for table, records in rows.items():
        await connection.copy_records_to_table(table, schema_name="profile", columns=COLUMNS[table], records=records)


def rows_of(made: Sequence[History], pseudonyms: Pseudonyms, numbers: Iterable[int], first_delta: int) -> Rows:
    """What the tables hold of these customers; their deltas' ids follow one another."""
    rows: Rows = {table: [] for table in COLUMNS}
    delta = first_delta
    for number in numbers:
        history = history_for(number, made)
        names = named(number, history, pseudonyms)
        _add_facets(rows, history, names)
        delta = _add_deltas(rows, history, names, number, delta)
        _add_view(rows, history, names)
        _add_words(rows, history, names, number)
    return rows


def _add_facets(rows: Rows, history: History, names: Named) -> None:
    for identifier, own_id, facet in zip(names.identifiers, names.own_ids, history.facets, strict=True):
        effects = [getattr(facet.effects, name) for name in _EFFECTS]
        rows["facets"].append((identifier, own_id, names.customer_id, facet.state, *effects))


def _add_deltas(rows: Rows, history: History, names: Named, number: int, delta: int) -> int:
    mark, own = RECEIPT_MARK.encode(), f"{number:0{len(RECEIPT_MARK)}d}".encode()
    today = date.today()  # noqa: DTZ011 - as the table's own default
    for place, (identifier, facet) in enumerate(zip(names.identifiers, history.facets, strict=True)):
        for position, body in enumerate(facet.deltas):
            rows["facet_deltas"].append((delta, identifier, today, body.replace(mark, own)))
            if place == 0:
                key = UUID(bytes=receipt_key(f"{own.decode()}{position:03d}"))
                rows["receipts"].append((key, delta, 0, True, today))
            delta += 1
    for scope in ("profile", "profile-learner"):
        keys = (f"{scope}{number}-{event}".encode() for event in range(REPEATS_KNOWN))
        rows["inbox"] += [(UUID(bytes=blake2b(key, digest_size=16).digest()),) for key in keys]
    return delta


def _add_view(rows: Rows, history: History, names: Named) -> None:
    replaced = {CUSTOMER_MARK: names.customer_id, CARD_MARK: names.identifiers[0]}
    if len(names.identifiers) > 1:
        replaced[GUEST_MARK] = names.identifiers[1]
    headers, body = history.headers, history.body
    for mark, name in replaced.items():
        for old, new in ((mark, name), (mark.partition(":")[2], name.partition(":")[2])):
            if old:
                body = body.replace(old.encode(), new.encode())
        headers = headers.replace(mark.encode(), name.encode())
    rows["customers"].append((names.customer_id, 1, 1, _AT, headers, body))


def _add_words(rows: Rows, history: History, names: Named, number: int) -> None:
    card = names.identifiers[0]
    for purpose, channel in history.consents:
        event = f"consent-{number}-{purpose}"
        rows["consents"].append((card, purpose, channel, True, _AT, event, _AT))
        rows["consent_words"].append((card, _AT, event, purpose, channel, True, "consent"))
    if len(names.own_ids) > 1:
        first, second = sorted(names.own_ids)
        rows["links"].append((first, second, True, _AT, f"link-{number}"))
        rows["identity_changes"].append((second, first, 1, 1, _AT, _AT))
