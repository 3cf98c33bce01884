"""Fresh databases on one embedded PostgreSQL: a test asks the fixture `database` for one of its own."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from libs.laptop.embedded_postgres import DATABASE, EmbeddedPostgres

# Without fsync only a power cut loses something, and no test has one. A kill loses the last commits of a server that does
# not wait for them: a test that kills its server has one that does.
FAST = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB"}


@dataclass(frozen=True)
class Database:
    """One database with the schema and role of every service, all of them empty."""

    server: EmbeddedPostgres
    name: str

    def url(self, service: str | None = None) -> str:
        """SQLAlchemy's address as the role of `service`, or as the superuser without one."""
        return self.server.url(service, database=self.name)


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """One server for many tests."""
    server = EmbeddedPostgres(folder, settings=FAST)
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@contextlib.contextmanager
def fresh_database(server: EmbeddedPostgres) -> Iterator[Database]:
    """A copy of the empty database `usual`, dropped afterwards."""
    database = Database(server, f"test_{uuid4().hex[:12]}")
    asyncio.run(server.make_database(database.name, template=DATABASE))
    try:
        yield database
    finally:
        asyncio.run(server.drop_database(database.name))
