"""A schema that a rebuild works in: where it came from, the fingerprints of both sides, and what differs."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.profile.domain.digest import DigestOfPieces, Fingerprint, StateDigest
from services.profile.ports.privacy import Erasure, Person
from services.profile.store.digest import PARTS, VIEWS, fingerprints
from services.profile.store.privacy import erasure_of

Side = Literal["live", "rebuilt"]
_TOGETHER = 5_000
_TABLES = (
    text("""
        CREATE TABLE IF NOT EXISTS rebuild_of (
            only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            checkpoint_id text    NOT NULL
        )
    """),
    text("""
        CREATE UNLOGGED TABLE IF NOT EXISTS rebuild_fingerprints (
            side        text  NOT NULL,
            part        text  NOT NULL,
            key         text  NOT NULL,
            content     bytea NOT NULL,
            customer_id text,
            PRIMARY KEY (side, part, key)
        )
    """),
)
_HAS_TABLE = text("SELECT to_regclass('rebuild_of') IS NOT NULL")
_BEGUN = text("SELECT checkpoint_id FROM rebuild_of")
_BEGIN = text("INSERT INTO rebuild_of (checkpoint_id) VALUES (:checkpoint_id)")
_CLEAR = text("DELETE FROM rebuild_fingerprints WHERE side = :side")
_DIFFER = """
    FROM (SELECT * FROM rebuild_fingerprints WHERE side = 'live') AS live
    FULL JOIN (SELECT * FROM rebuild_fingerprints WHERE side = 'rebuilt') AS rebuilt USING (part, key)
    WHERE live.content IS DISTINCT FROM rebuilt.content AND part <> ALL(CAST(:but AS text[]))
"""
_COUNT = text(f"SELECT part, count(*) AS pieces {_DIFFER} GROUP BY part ORDER BY part")
_FIRST = text(f"""
    SELECT part, key, live.content IS NOT NULL AS in_live, rebuilt.content IS NOT NULL AS in_rebuilt,
           coalesce(live.customer_id, rebuilt.customer_id) AS customer_id
    {_DIFFER} ORDER BY part <> 'facets', part, key LIMIT :first
""")
_UNSWEPT = text("SELECT EXISTS (SELECT FROM erasures WHERE NOT swept)")
_DIRTY = text("SELECT EXISTS (SELECT FROM dirty_customers)")
_ERASURES = text("""
    SELECT erasures.*, array_agg(identifier) AS identifiers, array_agg(suppressions.customer_id) AS own_ids
    FROM erasures JOIN suppressions USING (erasure_id)
    GROUP BY erasures.erasure_id ORDER BY requested_at, erasure_id
""")
_OLDEST = text("""
    SELECT (SELECT min(written_on) FROM receipts) AS receipt,
           least((SELECT min(erased_at) FROM suppressions), (SELECT min(erased_at) FROM erasures)) AS erasure
""")
_ERASURE_IDS = text("SELECT erasure_id FROM erasures")


@dataclass(frozen=True, slots=True)
class Difference:
    """One piece of state that is not the same on both sides."""

    part: str
    key: str
    customer_id: str | None
    in_live: bool
    in_rebuilt: bool


@dataclass(frozen=True, slots=True)
class Oldest:
    """Of when the oldest is of what a schema forgets in time; None where it holds none."""

    receipt: date | None
    erasure: datetime | None


async def oldest_of(tx: Transaction) -> Oldest:
    """What is older was forgotten here, if it ever was."""
    return Oldest(*(await tx.connection.execute(_OLDEST)).one())


async def begun_from(tx: Transaction) -> str | None:
    """The checkpoint that this schema was begun from (empty: none, from the beginning); None: it was not begun."""
    if not (await tx.connection.execute(_HAS_TABLE)).scalar_one():
        return None
    found: str | None = (await tx.connection.execute(_BEGUN)).scalar_one_or_none()
    return found


async def begin(tx: Transaction, checkpoint_id: str) -> None:
    """Note where it comes from, in the transaction that brings it there."""
    for table in _TABLES:
        await tx.connection.execute(table)
    await tx.connection.execute(_BEGIN, {"checkpoint_id": checkpoint_id})


async def keep_fingerprints(seen: Transaction, kept: Transaction, side: Side, *, views: bool) -> StateDigest:
    """Keep the fingerprints of what `seen` sees in the schema of `kept`; returns their digest."""
    await kept.connection.execute(_CLEAR, {"side": side})
    driver: Any = (await kept.connection.get_raw_connection()).driver_connection
    gathered = DigestOfPieces(part for part in PARTS if views or part != VIEWS)
    async for pieces in _together(fingerprints(seen, views=views)):
        for piece in pieces:
            gathered.add(piece)
        await driver.copy_records_to_table(
            "rebuild_fingerprints",
            records=[(side, piece.part, piece.key, piece.content, piece.customer_id) for piece in pieces],
            columns=("side", "part", "key", "content", "customer_id"),
            schema_name=kept.schema,
        )
    return gathered.digest()


async def differences(
    tx: Transaction, *, first: int, but: Collection[str]
) -> tuple[Mapping[str, int], Sequence[Difference]]:
    """How many pieces differ by part, `but` some parts, and the first of them: facets before all others."""
    counts = {row.part: int(row.pieces) for row in await tx.connection.execute(_COUNT, {"but": list(but)})}
    rows = await tx.connection.execute(_FIRST, {"first": first, "but": list(but)})
    return counts, [Difference(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping


async def at_rest(tx: Transaction) -> bool:
    """Whether every mark is folded, so that views show what facets hold."""
    return not (await tx.connection.execute(_DIRTY)).scalar_one()


async def is_swept(tx: Transaction) -> bool:
    """Whether of everybody who was forgotten everything is gone."""
    return not (await tx.connection.execute(_UNSWEPT)).scalar_one()


async def erasures_of(tx: Transaction) -> Sequence[tuple[Person, Erasure]]:
    """Every erasure that still suppresses somebody, oldest first."""
    return [
        (
            Person(customer_id=row.customer_id, identifiers=dict(zip(row.identifiers, row.own_ids, strict=True))),
            erasure_of(row),
        )
        for row in await tx.connection.execute(_ERASURES)
    ]


async def erasure_ids(tx: Transaction) -> frozenset[str]:
    """The erasures that are noted."""
    return frozenset((await tx.connection.execute(_ERASURE_IDS)).scalars())


async def _together(pieces: AsyncIterator[Fingerprint]) -> AsyncIterator[Sequence[Fingerprint]]:
    held: list[Fingerprint] = []
    async for piece in pieces:
        held.append(piece)
        if len(held) == _TOGETHER:
            yield held
            held = []
    if held:
        yield held
