"""One schema into a checkpoint and back, table by table as PostgreSQL copies it; memory holds a frame."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from asyncpg import PostgresError
from sqlalchemy import text

from libs.common.errors import InvalidInput
from libs.common.persistence import Transaction
from services.profile.domain.checkpoint import CheckpointHeader, ConsumedOffset, TableHead, damaged
from services.profile.domain.digest import DIGEST_FORMAT, StateDigest
from services.profile.store.checkpoint_file import CheckpointReader, CheckpointWriter
from services.profile.store.digest import state_digest

Told = Callable[[str, int], None]
"""Is told a table's name and how many of its rows are done."""

LEFT_OUT = frozenset({"migrations", "outbox", "version_relays", "dead_letters", "audit"})
"""What was on its way out, set aside, or looked at is no state; and it may hold texts that a checkpoint must not."""
_OF_THIS_CLUSTER = frozenset({("items", "changed_by")})
_REFUSED = frozenset({"22", "23", "42"})
_TABLES = text("""
    SELECT relname AS name, array_agg(attname::text ORDER BY attnum) AS columns
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' AND relname NOT LIKE 'rebuild%'
    GROUP BY relname ORDER BY relname
""")
_OFFSETS = text("""
    SELECT consumer_group AS "group", incarnation, topic, partition, next_offset FROM offsets
    ORDER BY consumer_group, incarnation, topic, partition
""")
_MIGRATIONS = text("SELECT name FROM migrations ORDER BY name")
_SEQUENCES = text("""
    SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL
""")
_SET_SEQUENCE = text("SELECT setval(CAST(quote_ident(:name) AS regclass), :last_value)")


async def write_checkpoint(
    tx: Transaction, writer: CheckpointWriter, *, checkpoint_id: str, taken_at: datetime, told: Told
) -> CheckpointHeader:
    """Write everything that `tx`, a snapshot, sees; returns what the checkpoint is of."""
    header = CheckpointHeader(
        checkpoint_id=checkpoint_id,
        taken_at=taken_at,
        migrations=tuple((await tx.connection.execute(_MIGRATIONS)).scalars()),
        offsets=tuple(
            ConsumedOffset(**row._mapping)  # noqa: SLF001  # a Row's public mapping
            for row in await tx.connection.execute(_OFFSETS)
        ),
        tables=tuple([await _head(tx, name, columns) for name, columns in await _tables(tx)]),
        digest_format=DIGEST_FORMAT,
        digest=dict((await state_digest(tx)).parts),
    )
    writer.header(header)
    for table in header.tables:
        await _copy_out(tx, table, writer, told)
    # After the rows: what a sequence has given out since is of no harm, what it gives out twice would be.
    sequences = {row.sequencename: row.last_value for row in await tx.connection.execute(_SEQUENCES)}
    writer.finish(sequences)
    return header


async def restore_checkpoint(tx: Transaction, reader: CheckpointReader, header: CheckpointHeader, told: Told) -> None:
    """Replace the tables of the schema by what the checkpoint holds; raises InvalidInput when it is damaged or does not fit."""
    names = ", ".join(_quoted(table.name) for table in header.tables)
    await tx.connection.execute(text(f"TRUNCATE {names}"))
    for table in header.tables:
        await _copy_in(tx, table, reader.table(), told)
    for name, last_value in reader.end().sequences.items():
        await tx.connection.execute(_SET_SEQUENCE, {"name": name, "last_value": last_value})
    if header.digest_format == DIGEST_FORMAT:
        _check(header.digest, await state_digest(tx))


async def _tables(tx: Transaction) -> Collection[tuple[str, tuple[str, ...]]]:
    rows = await tx.connection.execute(_TABLES)
    return [
        (row.name, tuple(column for column in row.columns if (row.name, column) not in _OF_THIS_CLUSTER))
        for row in rows
        if row.name not in LEFT_OUT
    ]


async def _head(tx: Transaction, name: str, columns: tuple[str, ...]) -> TableHead:
    count = await tx.connection.execute(text(f"SELECT count(*) FROM {_quoted(name)}"))  # noqa: S608 - a table of our own
    return TableHead(name=name, columns=columns, rows_count=count.scalar_one())


async def _copy_out(tx: Transaction, table: TableHead, writer: CheckpointWriter, told: Told) -> None:
    rows = 0

    async def take(content: bytes) -> None:
        nonlocal rows
        writer.rows(content)
        rows += 1
        if rows % 100_000 == 0:
            told(table.name, rows)

    driver = await _driver(tx)
    status = await driver.copy_from_table(
        table.name, columns=table.columns, schema_name=tx.schema, output=take, format="binary"
    )
    writer.end_of_table()
    assert _count(status) == table.rows_count, table.name  # noqa: S101 - both as of one moment
    told(table.name, table.rows_count)


async def _copy_in(tx: Transaction, table: TableHead, frames: Iterator[bytes], told: Told) -> None:
    async def source() -> AsyncIterator[bytes]:
        for content in frames:
            yield content

    driver = await _driver(tx)
    try:
        status = await driver.copy_to_table(
            table.name, columns=table.columns, schema_name=tx.schema, source=source(), format="binary"
        )
    except PostgresError as error:
        if str(error.sqlstate)[:2] not in _REFUSED:
            raise
        raise InvalidInput(
            f"the checkpoint's table {table.name} does not fit this schema (SQLSTATE {error.sqlstate})",
            slug="checkpoint-does-not-fit",
        ) from error
    if _count(status) != table.rows_count:
        raise damaged(f"{table.name} has {_count(status)} rows, not {table.rows_count}")
    told(table.name, table.rows_count)


def _check(expected: Mapping[str, str], found: StateDigest) -> None:
    other = sorted(part for part, digest in expected.items() if found.parts.get(part) != digest)
    if other:
        raise damaged(f"what it holds has another digest than what was written: {', '.join(other)}")


async def _driver(tx: Transaction) -> Any:
    """The driver's own connection, within the transaction: it copies, SQLAlchemy does not."""
    return (await tx.connection.get_raw_connection()).driver_connection


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
