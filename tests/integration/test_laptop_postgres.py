"""The embedded PostgreSQL: who may see what, and what survives a kill."""

import asyncio
import json
import os
import signal
import stat
from pathlib import Path

import asyncpg
import psutil
import pytest

from libs.laptop.child import ChildFailed
from libs.laptop.embedded_postgres import SERVICES, EmbeddedPostgres, role_of
from tests.support.postgres import Database


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(tmp_path / "postgres")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_writes_to_its_own_schema_without_naming_it(database: Database, service: str) -> None:
    connection = await connect(database.url(service))
    try:
        await connection.execute("CREATE TABLE thing (id int)")
        where = await connection.fetchval("SELECT schemaname FROM pg_tables WHERE tablename = 'thing'")
        assert where == service
        assert await connection.fetchval("SELECT session_user") == role_of(service)
    finally:
        await connection.close()


async def test_a_service_cannot_read_the_tables_of_another(database: Database) -> None:
    owner, other = await connect(database.url("offers")), await connect(database.url("profile"))
    try:
        await owner.execute("CREATE TABLE secret (id int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await other.fetch("SELECT * FROM offers.secret")
    finally:
        await owner.close()
        await other.close()


async def test_a_role_without_its_password_is_refused(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1", port=postgres.port, user=role_of("offers"), password="wrong", database="usual"
        )


async def test_it_is_postgresql_18_and_durable(server: EmbeddedPostgres) -> None:
    await server.start()
    try:
        connection = await connect(server.url())
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW max_connections") == "200"
        await connection.close()
    finally:
        await server.stop()


async def test_passwords_are_readable_by_their_owner_only_and_on_no_command_line(server: EmbeddedPostgres) -> None:
    await server.start()
    try:
        kept = server.folder / "passwords.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        command = cmdline(psutil.Process(server.child.pid))
        assert not any(password in command for password in json.loads(kept.read_text()).values())
        assert not (server.folder / "superuser").exists()
    finally:
        await server.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_what_was_committed_is_there_after_a_restart(server: EmbeddedPostgres, end: str) -> None:
    await server.start()
    url = server.url("offers")
    connection = await connect(url)
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
    await (server.stop() if end == "stop" else server.kill())
    assert not server.child.running
    connection.terminate()
    await server.start()
    try:
        again = await connect(url)
        assert await again.fetchval("SELECT id FROM kept") == 7
        await again.close()
    finally:
        await server.stop()


async def test_it_starts_although_backends_of_a_killed_server_still_end(server: EmbeddedPostgres) -> None:
    await server.start()
    connection = await connect(server.url())
    os.kill(server.child.pid, signal.SIGKILL)
    await server.child.wait_end(within_seconds=60.0)
    connection.terminate()
    await server.start()
    await server.stop()


async def test_a_second_server_on_the_same_folder_is_refused_with_the_reason(server: EmbeddedPostgres) -> None:
    await server.start()
    try:
        with pytest.raises(ChildFailed, match=r"postmaster\.pid"):
            await EmbeddedPostgres(server.folder).start()
    finally:
        await server.stop()


@pytest.mark.parametrize("sign", ["data-new/PG_VERSION", "data/postmaster.pid"])
async def test_a_cancelled_start_leaves_no_process_and_the_next_start_works(
    server: EmbeddedPostgres, sign: str
) -> None:
    starting = asyncio.create_task(server.start())
    while not (server.folder / sign).exists():
        await asyncio.wait({starting}, timeout=0.001)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [child for child in psutil.Process().children(recursive=True) if str(server.folder) in cmdline(child)] == []
    await server.start()
    await server.stop()


def cmdline(process: psutil.Process) -> str:
    return " ".join(process.cmdline())
