"""Where to look for what a person left in a running system: tables, topics, files, figures, and a backup with the keys that are left."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from libs.common.contracts import TOPICS
from libs.common.sealing import KeyEncryptionKey, PersonKey, SealBroken
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader, TopicRecord
from libs.laptop.launch import PROCESSES, SERVICES
from libs.laptop.system import System
from tests.support.canaries import found_in

KEYS = "ingest.person_keys"
_SEALED = re.compile(rb"sealed:v1:[\w=-]+")


@dataclass(frozen=True)
class Copy:
    """All rows of all services and all records of all topics at one moment, as a backup holds them."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    records: Sequence[TopicRecord]

    @property
    def content(self) -> bytes:
        """Everything, but the table of persons' keys: that is backed up apart, the newest copy only."""
        kept = (rows for table, rows in self.rows.items() if table != KEYS)
        cells = [_bytes(cell) for rows in kept for row in rows for cell in row.values()]
        return b"\0".join([*cells, content_of(self.records)])

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Persons' keys as they lie there, wrapped."""
        return {str(row["person"]): row["wrapped"] for row in self.rows[KEYS]}

    def readable_with(self, keys: Mapping[str, bytes], kek: KeyEncryptionKey) -> list[bytes]:
        """Whatever is sealed anywhere in the copy and opens with one of these keys."""
        texts = {text.decode() for text in _SEALED.findall(self.content)}
        sealed = [row[cell] for row in self.rows["ingest.quarantine"] for cell in ("raw", "mended") if row[cell]]
        opened: list[bytes] = []
        for person, wrapped in keys.items():
            key = kek.unwrapped(person, wrapped)
            opened += [found for text in texts if (found := _text(key, text)) is not None]
            opened += [found for raw in sealed if (found := _raw(key, raw)) is not None]
        return opened


async def copy_of(system: System) -> Copy:
    """What a backup that is made now would hold."""
    return Copy(await _rows(system, None), await records_of(system))


async def tables_with(system: System, needles: list[str], database: str | None = None) -> dict[str, list[str]]:
    """The tables of all services whose rows hold one of these, in text or in bytes, with those that they hold."""
    found: dict[str, list[str]] = {}
    for table, rows in (await _rows(system, database)).items():
        if hits := found_in(b"\0".join(_bytes(cell) for row in rows for cell in row.values()), needles):
            found[table] = hits
    return found


async def records_of(system: System) -> list[TopicRecord]:
    """Every record of every topic and of its dead letters."""
    broker = system.broker
    settings = StreamSettings(bootstrap=broker.bootstrap, client_id="life", idempotence=broker.idempotence)
    names = [topic.name for topic in TOPICS] + [topic.dead_letter_name for topic in TOPICS if topic.dead_letters]
    found: list[TopicRecord] = []
    async with TopicReader(settings, names) as reader:
        while not await reader.at_end():
            found += await reader.read()
    return found


def content_of(records: Sequence[TopicRecord]) -> bytes:
    """Keys, values and headers of all records."""
    parts = (
        (one.key, one.value, *(part for name, text in one.headers for part in (name.encode(), text))) for one in records
    )
    return b"\0".join(part for one in parts for part in one if part)


async def figures_of(system: System) -> bytes:
    """What all processes show on /metrics."""
    names = {process.name for process in PROCESSES}
    ports = [part.port for part in system.record().parts if part.name in names]
    shown = b""
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as client:
        for port in ports:
            shown += (await client.get(f"http://127.0.0.1:{port}/metrics")).content
    return shown


def files_with(folder: Path, needles: list[str]) -> list[str]:
    """The files below `folder` (logs, databases, everything that a system keeps) that hold one of these."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and found_in(path.read_bytes(), needles)
    ]


async def _rows(system: System, database: str | None) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    url = system.postgres.url(**({} if database is None else {"database": database})).replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY($1)", list(SERVICES)
        )
        return {
            f"{schema}.{table}": await connection.fetch(f'SELECT * FROM {schema}."{table}"')  # noqa: S608 - our own names
            for schema, table in tables
        }
    finally:
        await connection.close()


def _bytes(cell: Any) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()


def _text(key: PersonKey, text: str) -> bytes | None:
    try:
        return key.open_text(text).encode()
    except SealBroken:
        return None


def _raw(key: PersonKey, raw: bytes) -> bytes | None:
    try:
        return key.open(raw)
    except SealBroken:
        return None
