"""The live stream on a real server: nothing lost between two visits, filters, heartbeats, and readers that do not read."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from libs.common.clock import SystemClock
from libs.common.http.connection_guard import ConnectionLimits
from libs.common.http.credentials import new_key, write_credentials
from services.inventory.app import create_app
from services.inventory.bootstrap import Parts, assemble
from services.inventory.ports import LogFilter
from services.inventory.store import store_of
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import an_answer, an_event
from tests.support.inventory_running import RunningInventory, running_inventory, settings_for
from tests.support.postgres import Database
from tests.support.serving import Served, served

LIMITS = ConnectionLimits(write_seconds=2.0)
PATIENCE_SECONDS = 60.0


@dataclass
class Heard:
    """One server-sent event; `data` is empty for a heartbeat."""

    id: int | None = None
    event: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Reader:
    """A subscriber on a socket of its own."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    content: bytes = b""

    async def next(self) -> Heard | None:
        """The next event or comment; None when the stream ended."""
        found = Heard()
        while line := await self._line():
            name, _, value = line.partition(": ")
            match name:
                case "id":
                    found.id = int(value)
                case "event":
                    found.event = value
                case "data":
                    found.data = json.loads(value)
        return found if found != Heard() else None

    async def changes(self, count: int) -> list[Heard]:
        """The next so many changes, heartbeats left out."""
        found: list[Heard] = []
        while len(found) < count:
            heard = await self.next()
            assert heard is not None, f"the stream ended after {len(found)} of {count}"
            found += [heard] if heard.data else []
        return found

    async def _line(self) -> str:
        """The next line; empty at the end of an event, and of the stream."""
        while b"\n" not in self.content:
            async with asyncio.timeout(PATIENCE_SECONDS):
                size = int((await self.reader.readline()).strip() or b"0", 16)
                chunk = await self.reader.readexactly(size + 2) if size else b""
            if not chunk:
                return ""
            self.content += chunk[:-2]
        line, _, self.content = self.content.partition(b"\n")
        return line.decode()


@dataclass
class Station:
    """The API on a port, and the worker's side of the same database."""

    served: Served
    service: RunningInventory
    parts: Parts
    key: str
    credentials: Path
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self, query: str = "", last_event_id: int | None = None, buffer: int | None = None) -> Reader:
        plug = socket.socket()
        if buffer is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        plug.setblocking(False)  # noqa: FBT003 - its own signature
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", self.served.port))
        reader, writer = await asyncio.open_connection(sock=plug, limit=2**20 if buffer is None else buffer)
        lines = [f"GET /v1/commands/stream?{query} HTTP/1.1", "Host: x", f"X-Api-Key: {self.key}"]
        lines += [] if last_event_id is None else [f"Last-Event-ID: {last_event_id}"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.opened.append(writer)
        return Reader(reader, writer, int(head.split(" ")[1]))

    async def close(self) -> None:
        for writer in self.opened:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def number(self) -> None:
        """What the worker's round does."""
        async with self.service.parts.transactions.begin() as tx:
            await store_of(tx).log.number()

    async def answer_all(self, commands: list[Any], status: str, days: float) -> None:
        events = [
            an_event(an_answer(one.command_id, one.item_id, status), f"{status}-{one.command_id}", days)
            for one in commands
        ]
        await self.service.take(events)
        await self.number()


@asynccontextmanager
async def a_station(database: Database, folder: Path, **changes: Any) -> AsyncIterator[Station]:
    key, credential = new_key("erp", frozenset({"inventory:read"}))
    path = folder / "credentials.json"
    write_credentials(path, [credential])
    async with running_inventory(database) as service:
        await service.take(a_fortnight())
        await service.review(4.2)
        settings = settings_for(database, credentials_file=path, live_heartbeat_seconds=0.3, **changes)
        parts = assemble(settings, "api", SystemClock())
        with served(create_app(parts), LIMITS) as door:
            station = Station(door, service, parts, key, path)
            try:
                yield station
            finally:
                parts.health.draining = True
                await station.close()


async def test_a_reader_that_comes_back_with_its_last_id_misses_nothing_and_hears_nothing_twice(
    database: Database, tmp_path: Path
) -> None:
    async with a_station(database, tmp_path) as station:
        await station.number()
        commands = await station.service.commands_sent()
        first = await station.open("cursor=0")
        heard = await first.changes(3)
        first.writer.close()
        await station.answer_all(commands[:4], "acknowledged", 4.3)
        second = await station.open(last_event_id=heard[-1].id)
        heard += await second.changes(len(commands) + 4 - 3)
        assert [one.id for one in heard] == sorted({one.id for one in heard if one.id})
        assert [one.event for one in heard] == ["sent"] * len(commands) + ["answered"] * 4
        sent = {one.data["command_id"]: one.data for one in heard if one.event == "sent"}
        assert set(sent) == {one.command_id for one in commands}
        assert all(sent[one.command_id]["explanation"] == one.explanation for one in commands)
        await station.answer_all(commands[4:5], "rejected", 4.4)
        (live,) = await second.changes(1)
        assert (live.event, live.data["status"], live.data["actor"]) == ("answered", "rejected", "topic")


async def test_a_new_reader_hears_what_happens_from_now_on_and_only_what_it_asked_for(
    database: Database, tmp_path: Path
) -> None:
    async with a_station(database, tmp_path) as station:
        await station.number()
        commands = await station.service.commands_sent()
        one = commands[0]
        all_of_it, by_store, by_kind = (
            await station.open("change=answered"),
            await station.open(f"store_id={one.store_id}&item_id={one.item_id}"),
            await station.open("kind=reorder&change=sent&change=expired"),
        )
        await station.answer_all(commands, "acknowledged", 4.3)
        assert len(await all_of_it.changes(len(commands))) == len(commands)
        (heard,) = await by_store.changes(1)
        assert {one.store_id, one.item_id} <= {*map(str, heard.data.values())}
        silent = [await by_kind.next() for _ in range(3)]
        assert all(beat is not None and not beat.data for beat in silent), "heartbeats alone"
        assert silent[-1] is not None
        assert (silent[-1].id or 0) >= (heard.id or 0), "and they move its cursor past what it did not want"


async def test_who_does_not_read_is_cut_off_and_costs_a_page_and_others_go_on(
    database: Database, tmp_path: Path
) -> None:
    async with a_station(database, tmp_path) as station:
        await station.number()
        async with station.service.parts.transactions.begin() as tx:
            log = store_of(tx).log
            known = (await log.read(0, LogFilter(), 1)).entries[0].change
            long = replace(known, command=replace(known.command, explanation="x" * 1_500))
            for _ in range(10):
                await log.add([long] * 400)
            await log.number(10_000)
        slow = await station.open("cursor=0", buffer=4_096)
        assert slow.status == 200
        quick = await station.open("cursor=0")
        assert len(await quick.changes(4_000)) == 4_000
        async with asyncio.timeout(PATIENCE_SECONDS):
            while station.served.connections > 1 or _slow(station) < 1:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        assert (await quick.next()) is not None


async def test_a_key_that_is_revoked_hears_nothing_more_and_a_stopping_server_lets_go(
    database: Database, tmp_path: Path
) -> None:
    async with a_station(database, tmp_path) as station:
        reader = await station.open()
        assert await reader.next() is not None
        other, credential = new_key("other", frozenset({"inventory:read"}))
        write_credentials(station.credentials, [credential])
        while await reader.next() is not None:
            continue
        station.key = other
        reader = await station.open()
        assert reader.status == 200
        station.parts.health.draining = True
        while await reader.next() is not None:
            continue


async def test_readers_beyond_what_one_process_serves_and_cursors_that_are_none_are_refused(
    database: Database, tmp_path: Path
) -> None:
    async with a_station(database, tmp_path, live_readers=1) as station:
        first = await station.open()
        assert await first.next() is not None
        assert await first.next() is not None
        assert (await station.open()).status == 503
        assert (await station.open("cursor=yesterday")).status in {422, 503}
        first.writer.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (again := await station.open()).status == 503:
                again.writer.close()
        for stated in ("cursor=yesterday", "cursor=" + "9" * 5_000, "change=sold"):
            assert (await station.open(stated)).status == 422


async def test_a_cursor_from_before_what_is_kept_is_told_of_the_gap(database: Database, tmp_path: Path) -> None:
    async with a_station(database, tmp_path) as station:
        await station.number()
        await station.service.rows("DELETE FROM command_log WHERE position <= 5 RETURNING 1")
        reader = await station.open("cursor=2")
        heard = [await reader.next(), await reader.next(), await reader.next()]
        assert [one.event for one in heard if one is not None] == ["", "gap", "sent"]
        assert heard[1] is not None
        assert heard[1].data == {"first": 6}
        assert heard[2] is not None
        assert heard[2].id == 6


def _slow(station: Station) -> float:
    return station.parts.registry.get_sample_value("inventory_slow_readers_total") or 0.0
