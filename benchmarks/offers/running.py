"""The servers of a run: PostgreSQL with the chain in it, two doors and two peers; loaded in turns, and asked what they issued."""

import asyncio
import os
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from benchmarks.cores import load_core, pin_server
from benchmarks.ingest import load
from benchmarks.offers import peers
from benchmarks.offers.chain import Chain
from benchmarks.offers.filling import check_books, fill, keep_fresh
from benchmarks.offers.payload import checkout
from benchmarks.profile.running import cpu_seconds
from libs.common.clock import SystemClock
from libs.laptop.child import Child, free_port, spawn
from libs.laptop.embedded_postgres import DATABASE, EmbeddedPostgres
from libs.laptop.launch import Keys, Service, Surroundings

ACK, EACH_SPREAD, EACH_HOT = (
    "FastAPI default, acknowledges",
    "SQLAlchemy Core, spread",
    "SQLAlchemy Core, one hot budget",
)
SPREAD, HOT = "the door, spread", "the door, one hot budget"
FREE = "a door that need not decide"
DOOR_SERVICE = Service("offers", "api")
CONNECTIONS = 64
READY_SECONDS = 30.0
_HOT_DATABASE = "hot"
_FRESH_SECONDS = 5.0
_DOOR_VOUCHERS, _PEER_VOUCHERS = "SELECT count(*) FROM offers.vouchers", "SELECT count(*) FROM bench_vouchers"
_ANSWERED = re.compile(r'^offers_checkouts_total\{reason="([^"]+)",tier="(\d)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one contender did under one load; CPU is per request. `answers` counts a door's, by tier and reason."""

    per_second: float
    server_cpu_us: float
    postgres_cpu_us: float
    p50_ms: float
    p99_ms: float
    refused: int
    vouchers_ratio: float
    answers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One server and what it is asked. `vouchers` counts what it made durable, in its database."""

    name: str
    server: Child
    port: int
    request: load.Request
    database: str
    vouchers: str | None
    is_door: bool = False


class Run:
    """The contenders, in the order of their turns."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres, contenders: Sequence[Contender]) -> None:
        self.contenders = contenders
        self._folder = folder
        self._postgres = postgres

    async def measure(self, one: Contender, seconds: int) -> Measured:
        """Load one of them. Raises ValueError when requests fail, or when answers told of vouchers that are not there."""
        made, answers = await self._vouchers(one), await self._answers(one)
        server, database = cpu_seconds(one.server), cpu_seconds(self._postgres.child)
        answered = await asyncio.to_thread(
            load.run, one.request, connections=CONNECTIONS, seconds=seconds, folder=self._folder, core=load_core()
        )
        server, database = cpu_seconds(one.server) - server, cpu_seconds(self._postgres.child) - database
        requests = answered.requests
        if not requests or answered.failed:
            raise ValueError(f"{one.name}: of {requests} requests {answered.failed} failed")
        return Measured(
            per_second=requests / answered.seconds,
            server_cpu_us=server / requests * 1e6,
            postgres_cpu_us=database / requests * 1e6,
            p50_ms=answered.p50_ms,
            p99_ms=answered.p99_ms,
            refused=answered.refused,
            vouchers_ratio=(await self._vouchers(one) - made) / requests,
            answers=await self._answers(one) - answers,
        )

    async def _vouchers(self, one: Contender) -> int:
        if one.vouchers is None:
            return 0
        connection = await self._postgres.connect(one.database)
        try:
            return int(await connection.fetchval(one.vouchers))
        finally:
            await connection.close()

    async def _answers(self, one: Contender) -> Counter[str]:
        return await asyncio.to_thread(_answers_of, one.port) if one.is_door else Counter()


@asynccontextmanager
async def running(folder: Path, weeks: int | None = None) -> AsyncIterator[Run]:
    """PostgreSQL and all contenders, in `folder`, each having answered once. When it ends well the books were right."""
    postgres, keys = EmbeddedPostgres(folder / "postgres"), Keys(folder)
    chain = Chain.load(SystemClock().now(), weeks)
    print(f"  {chain}", flush=True)
    keys.make()
    async with AsyncExitStack() as stack:
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        await postgres.make_database(_HOT_DATABASE)
        doors = {name: postgres.url("offers", database=name) for name in (DATABASE, _HOT_DATABASE)}
        for name, url in doors.items():
            await fill(url, chain, keys.pseudonyms(play=False), hot=name == _HOT_DATABASE)
            fresh = asyncio.create_task(keep_fresh(url, _FRESH_SECONDS))
            stack.callback(fresh.cancel)
        await peers.make_tables(postgres.url())
        starter = _Starter(folder, postgres, keys, checkout(chain), stack)
        yield Run(folder, postgres, await starter.contenders())
        for url in doors.values():
            await check_books(url)


@dataclass(frozen=True, slots=True)
class _Starter:
    folder: Path
    postgres: EmbeddedPostgres
    keys: Keys
    body: bytes
    stack: AsyncExitStack

    async def contenders(self) -> Sequence[Contender]:
        each = ["transaction-each", "--database", self.postgres.url()]
        ack, sqlalchemy = await self._peer("acknowledging"), await self._peer(*each)
        return [
            self._contender(ACK, *ack, "/checkouts"),
            await self._door(SPREAD, DATABASE),
            await self._door(FREE, DATABASE, [sys.executable, "-m", "benchmarks.offers.trial", DOOR_SERVICE.role]),
            self._contender(EACH_SPREAD, *sqlalchemy, "/spread"),
            await self._door(HOT, _HOT_DATABASE),
            self._contender(EACH_HOT, *sqlalchemy, "/hot"),
        ]

    async def _peer(self, name: str, *arguments: str) -> tuple[Child, int]:
        port = free_port()
        argv = [sys.executable, "-m", "benchmarks.offers.peers", name, *arguments, "--port", str(port)]
        return await self._started(name, argv, {}, f"http://127.0.0.1:{port}/docs"), port

    async def _door(self, name: str, database: str, argv: Sequence[str] = DOOR_SERVICE.argv) -> Contender:
        port = free_port()
        surroundings = Surroundings(bootstrap="127.0.0.1:1", idempotence=True, keys=self.keys, play=False)
        environment = surroundings.environment(self.postgres.url("offers", database=database), port)
        child = await self._started(f"door-{port}", argv, environment, f"http://127.0.0.1:{port}/readyz")
        request = self._request(port, "/v1/checkouts", {"x-api-key": self.keys.key("till")})
        return Contender(
            name=name,
            server=child,
            port=port,
            request=request,
            database=database,
            vouchers=_DOOR_VOUCHERS,
            is_door=True,
        )

    def _contender(self, name: str, server: Child, port: int, path: str) -> Contender:
        vouchers = _PEER_VOUCHERS if name != ACK else None
        request = self._request(port, path, {})
        return Contender(name=name, server=server, port=port, request=request, database=DATABASE, vouchers=vouchers)

    def _request(self, port: int, path: str, headers: Mapping[str, str]) -> load.Request:
        every = {"content-type": "application/json", **headers}
        return load.Request(url=f"http://127.0.0.1:{port}{path}", headers=every, body=self.body)

    async def _started(self, name: str, argv: Sequence[str], environment: Mapping[str, str], ready: str) -> Child:
        inherited = {**os.environ, **environment}  # noqa: TID251 - children inherit it
        child = spawn(name, argv, log=self.folder / f"{name}.log", env=inherited)
        self.stack.push_async_callback(child.stop)

        async def answers() -> bool:
            return await asyncio.to_thread(_answers, ready)

        await child.wait_ready(answers, within_seconds=READY_SECONDS)
        pin_server(child.pid)
        return child


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3.0):  # noqa: S310 - our own
            return True
    except (URLError, OSError):
        return False


def _answers_of(port: int) -> Counter[str]:
    """What a door has answered so far, by tier and reason."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=3.0) as page:
        found = _ANSWERED.findall(page.read().decode())
    return Counter({f"tier {tier}, {reason}": int(float(count)) for reason, tier, count in found})
