"""Plain numbered SQL, forward only; run by each service's `migrate` role and checked by its readiness."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_TABLE = """
    CREATE TABLE IF NOT EXISTS migrations (
        name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
    )
"""
_SHARED_PACKAGE = "libs.common.persistence"
_SHARED = {"0000_pre_shared": "shared.sql", "0000_pre_shared_inbox": "shared_inbox.sql"}


class MigrationConflict(Exception):
    """An applied file was edited, or the database has migrations that this release does not know as its past."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `NNNN_pre_what` runs before the new code, `NNNN_post_what` after the old code is gone."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """What an edit would change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> Sequence[Migration]:
    """The shared tables, then the `.sql` files in `package` (for example `services.offers.migrations`) by name."""
    shared = [
        Migration(name, files(_SHARED_PACKAGE).joinpath(file).read_text(encoding="utf-8"))
        for name, file in _SHARED.items()
    ]
    own = [
        Migration(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in files(package).iterdir()
        if entry.name.endswith(".sql")
    ]
    return [*shared, *sorted(own, key=lambda migration: migration.name)]


async def run_migrations(
    engine: AsyncEngine, package: str, schema: str, *, only: Collection[str] | None = None
) -> Sequence[str]:
    """Apply what is missing, each file in one transaction, and return its names; safe when several run at once.

    With `only` the others wait: a schema is brought to where another one was. Raises MigrationConflict when an applied
    file was edited. Wants an engine with `Timeouts.migrate()`.
    """
    expected = [one for one in migrations_of(package) if only is None or one.name in only]
    done: list[str] = []
    async with engine.begin() as connection:
        await _enter(connection, schema)
        # Looked up first: IF NOT EXISTS wants the right to create even when there is nothing to do.
        exists = await connection.execute(
            text("SELECT to_regnamespace(:schema) IS NOT NULL"), {"schema": f'"{schema}"'}
        )
        if not exists.scalar_one():
            await connection.execute(text(f'CREATE SCHEMA "{schema}"'))
    for migration in expected:
        async with engine.begin() as connection:
            await _enter(connection, schema)
            await connection.execute(text(_TABLE))
            applied = await _applied(connection)
            if migration.name in applied:
                _check(migration, applied[migration.name])
                continue
            raw = await connection.get_raw_connection()
            # The driver's simple protocol takes a whole file; a prepared statement takes one command only.
            await raw.driver_connection.execute(migration.sql)  # type: ignore[union-attr]  # asyncpg ships no types
            await connection.execute(
                text("INSERT INTO migrations (name, checksum) VALUES (:name, :checksum)"),
                {"name": migration.name, "checksum": migration.checksum},
            )
            done.append(migration.name)
    return done


async def is_current(engine: AsyncEngine, package: str, schema: str) -> bool:
    """Whether every migration of this release is applied (more may be, by a newer one). Raises when the database is away."""
    async with engine.connect() as connection:
        exists = await connection.execute(
            text("SELECT to_regclass(:name) IS NOT NULL"), {"name": f'"{schema}".migrations'}
        )
        if not exists.scalar_one():
            return False
        await connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
        applied = await _applied(connection)
    return all(applied.get(migration.name) == migration.checksum for migration in migrations_of(package))


async def _enter(connection: AsyncConnection, schema: str) -> None:
    """Serialise with other migrators, however long one of them builds an index, and work inside the schema."""
    await connection.execute(text("SET LOCAL lock_timeout = 0"))
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('migrate'), hashtext(:schema))"), {"schema": schema}
    )
    await connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
    await connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))


async def _applied(connection: AsyncConnection) -> dict[str, str]:
    rows = await connection.execute(text("SELECT name, checksum FROM migrations"))
    return {row.name: row.checksum for row in rows}


def _check(migration: Migration, checksum: str) -> None:
    if checksum != migration.checksum:
        raise MigrationConflict(f"{migration.name} was edited after it had been applied")
