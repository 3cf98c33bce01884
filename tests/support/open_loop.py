"""A till that never slows down: checkouts at a fixed rate, whatever becomes of the answers; a process of its own.

`python -m tests.support.open_loop FILE` reads what to do as JSON from its standard input (port, key, rate, customers, body) and works until
that is closed. FILE gets a line per checkout: when it was due, when it was sent, how long it took, and what came back. A thread
beside it that does nothing but look at the clock notes when the machine let nothing of this process run (`stalls`).
"""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import uvloop

_BEAT_SECONDS = 0.01
_STALL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class OpenLoop:
    """Sends each checkout when it is due, over connections that are kept open."""

    told: Any
    out: TextIOWrapper
    links: list[Link] = field(default_factory=list)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, ended: asyncio.Event) -> None:
        """Until `ended`, then wait for what is under way."""
        begin, number = monotonic(), 0
        while not ended.is_set():
            due = begin + number / self.told["rate"]
            await asyncio.sleep(max(0.0, due - monotonic()))  # noqa: TID251 - keeps a rate
            task = asyncio.create_task(self._one(number, due))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
            number += 1
        if self.under_way:
            await asyncio.wait(self.under_way)

    async def _one(self, number: int, due: float) -> None:
        checkout_id = f"load-{number}"
        customer = self.told["body"]["customer"] | {"value": str(number % self.told["customers"] + 1)}
        own = {"checkout_id": checkout_id, "receipt_id": f"receipt-{checkout_id}", "customer": customer}
        body = self.told["body"] | own
        sent = monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status, answer = await self._asked(json.dumps(body).encode())
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            status, answer = 0, repr(error)
        line = {
            "id": checkout_id,
            "due": due,
            "sent": sent,
            "took": monotonic() - sent,
            "status": status,
            "body": answer,
        }
        self.out.write(json.dumps(line) + "\n")

    async def _asked(self, body: bytes) -> tuple[int, str]:
        head = (
            f"POST /v1/checkouts HTTP/1.1\r\nHost: offers\r\nX-Api-Key: {self.told['key']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await self._link()
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        answer = (await reader.readexactly(length)).decode()
        self.links.append((reader, writer))
        return int(lines[0].split(" ")[1]), answer

    async def _link(self) -> Link:
        while self.links:
            reader, writer = self.links.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
        return await asyncio.open_connection("127.0.0.1", self.told["port"])


@contextmanager
def stalls(out: TextIOWrapper) -> Iterator[None]:
    """Note in which times the machine let nothing of this process run."""
    ended = threading.Event()

    def beat() -> None:
        before = monotonic()
        while not ended.is_set():
            sleep(_BEAT_SECONDS)
            now = monotonic()
            if now - before > _BEAT_SECONDS + _STALL_SECONDS:
                out.write(json.dumps({"stalled": before, "until": now}) + "\n")
            before = now

    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


async def main(out: TextIOWrapper) -> None:
    ended = asyncio.Event()
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    waiting = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    waiting.add_done_callback(lambda _: ended.set())
    await OpenLoop(told, out).run(ended)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("w") as file, stalls(file):
        uvloop.run(main(file))
