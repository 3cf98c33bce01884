"""Where a run keeps its database, and how careful that is: hasty while it is filled, as in operation while it is asked."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

_HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
}
_CUSTOMERS = "SELECT count(*) FROM profile.customers"


@contextmanager
def place(folder: Path | None) -> Iterator[Path]:
    """The folder that was named, which stays; or one that is gone at the end."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory() as made:
        yield Path(made)


async def customers_in(connection: asyncpg.Connection) -> int:
    """How many customers an earlier run has left here."""
    return int(await connection.fetchval(_CUSTOMERS))


@asynccontextmanager
async def hasty(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Nothing is safe until the end of this block; then all of it is on the disk, and from there on each commit."""
    for name, value in _HASTY.items():
        await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await connection.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in _HASTY:
            await connection.execute(f"ALTER SYSTEM RESET {name}")
        await connection.execute("SELECT pg_reload_conf()")
    await connection.execute("CHECKPOINT")
    await asyncio.to_thread(os.sync)
