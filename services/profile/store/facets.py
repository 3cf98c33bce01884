"""Facets on PostgreSQL: writers append deltas, readers see the state and all deltas that it lacks in one statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial, reduce

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.delta import Delta, decode_delta, encode_delta, grown
from services.profile.domain.facet import EMPTY, Facet, VisitKey
from services.profile.domain.facet_codec import Rows, decode, encode, knows_visits_before, read_rows
from services.profile.domain.growing import GrowingFacet

DELTAS_A_BLOCK = 1 << 20
"""More than a transaction can make."""
_EMPTY_STATE = encode(EMPTY)
_MAKE = text("""
    INSERT INTO facets (identifier, own_customer_id, customer_id, state)
    SELECT identifier, own_id, own_id, :empty
    FROM unnest(CAST(:identifiers AS text[]), CAST(:own_ids AS text[])) AS new (identifier, own_id)
    WHERE NOT EXISTS (SELECT FROM facets AS known WHERE known.identifier = new.identifier)
    ORDER BY identifier  -- a small batch is joined by its hash, which keeps no order
    ON CONFLICT DO NOTHING
""")
_RESERVE = text("SELECT nextval('facet_delta_blocks')")
_APPEND = text("""
    WITH new AS (
        SELECT * FROM unnest(CAST(:delta_ids AS bigint[]), CAST(:identifiers AS text[]), CAST(:bodies AS bytea[]),
                             CAST(:shown AS boolean[])) AS new (delta_id, identifier, body, shown)
    ), added AS (
        INSERT INTO facet_deltas (delta_id, identifier, body) SELECT delta_id, identifier, body FROM new
    )
    INSERT INTO dirty_customers (customer_id, delta_id, shown)
    SELECT own_customer_id, delta_id, shown FROM new JOIN facets USING (identifier)
""")
_MARK = text("INSERT INTO dirty_customers (customer_id) SELECT unnest(CAST(:own_ids AS text[]))")
_IDENTIFIERS = text("""
    SELECT own_customer_id, identifier FROM facets WHERE own_customer_id = ANY(CAST(:own_ids AS text[]))
""")
PENDING = """
    ARRAY(SELECT body FROM dirty_customers JOIN facet_deltas USING (delta_id)
          WHERE dirty_customers.customer_id = facets.own_customer_id) AS pending
"""
"""The deltas that a state lacks, as of the same moment as the state."""
_STATES = text(f"SELECT identifier, state, {PENDING} FROM facets WHERE identifier = ANY(CAST(:identifiers AS text[]))")  # noqa: S608 - our own words


class RememberedDeltas:
    """The newest deltas that this process appended, in bytes: its folders need not read again what was just written.

    Only what is committed gets in here. Whether a delta still counts is said by its mark, and an erasure deletes that.
    """

    def __init__(self, most_bytes: int = 128 << 20) -> None:
        self._bodies: dict[int, bytes] = {}
        self._bytes, self._most_bytes = 0, most_bytes

    @property
    def crowded(self) -> bool:
        """Whether the oldest will soon have to make room."""
        return self._bytes > self._most_bytes // 4 * 3

    def met(self, bodies: Mapping[int, bytes]) -> None:
        """These are stored now; the oldest ones make room."""
        self._bodies |= bodies
        self._bytes += sum(map(len, bodies.values()))
        while self._bytes > self._most_bytes:
            self.take(next(iter(self._bodies)))

    def take(self, delta_id: int) -> bytes | None:
        """A delta, which is worked in once; None where it is not remembered."""
        body = self._bodies.pop(delta_id, None)
        self._bytes -= len(body or b"")
        return body


class PostgresFacets:
    """Fits FacetStore."""

    def __init__(self, tx: Transaction, remembered: RememberedDeltas | None = None) -> None:
        self._connection = tx.connection
        self._on_commit = tx.on_commit
        self._remembered = remembered

    async def make(self, own_ids: Mapping[str, str]) -> None:
        """As the port promises."""
        if own_ids:
            ordered = sorted(own_ids.items())
            columns = {"identifiers": [name for name, _ in ordered], "own_ids": [own_id for _, own_id in ordered]}
            await self._connection.execute(_MAKE, {**columns, "empty": _EMPTY_STATE})

    async def reserve(self) -> int:
        """As the port promises."""
        return int((await self._connection.execute(_RESERVE)).scalar_one()) * DELTAS_A_BLOCK

    async def append(self, deltas: Mapping[int, tuple[str, Delta]]) -> None:
        """As the port promises."""
        if not deltas:
            return
        bodies = {delta_id: encode_delta(delta) for delta_id, (_, delta) in deltas.items()}
        await self._connection.execute(
            _APPEND,
            {
                "delta_ids": list(bodies),
                "identifiers": [identifier for identifier, _ in deltas.values()],
                "bodies": list(bodies.values()),
                "shown": [not delta.quiet for _, delta in deltas.values()],
            },
        )
        if self._remembered is not None:
            self._on_commit(partial(self._remembered.met, bodies))

    async def mark_dirty(self, own_customer_ids: Iterable[str]) -> None:
        """As the port promises."""
        own_ids = sorted(set(own_customer_ids))
        if own_ids:
            await self._connection.execute(_MARK, {"own_ids": own_ids})

    async def identifiers_of(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """As the port promises."""
        if not own_customer_ids:
            return {}
        rows = await self._connection.execute(_IDENTIFIERS, {"own_ids": list(own_customer_ids)})
        return {row.own_customer_id: row.identifier for row in rows}

    async def with_visits_before(self, keys: Mapping[str, VisitKey]) -> Mapping[str, Rows]:
        """As the port promises."""
        if not keys:
            return {}
        rows = await self._connection.execute(_STATES, {"identifiers": list(keys)})
        return {
            row.identifier: rows_with(row.state, [*map(decode_delta, row.pending)])
            for row in rows
            if row.pending or knows_visits_before(row.state, keys[row.identifier])
        }


def rows_with(state: bytes, pending: Sequence[Delta]) -> Rows:
    """The same, as its rows: for readers of many facets, who need a part of each."""
    if not pending:
        return read_rows(state)
    growing = GrowingFacet(state)
    for delta in pending:
        growing.hear(delta)
    return growing.settle()


def facet_with(state: bytes, pending: Iterable[Delta]) -> Facet:
    """The facet of a state and the deltas that it lacks."""
    return reduce(grown, pending, decode(state))
