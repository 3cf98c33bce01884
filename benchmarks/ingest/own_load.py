"""Where wrk is missing: the same load by asyncio, in a process of its own; slower, so it says less of a fast server."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from benchmarks.ingest.load import Request, bodies


@dataclass
class Tally:
    """What was answered."""

    latencies_ms: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0


async def _connection(url: str, head: bytes, source: Iterator[bytes], deadline: float, tally: Tally) -> None:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    while time.perf_counter() < deadline:
        body = next(source)
        began = time.perf_counter()
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        tally.latencies_ms.append((time.perf_counter() - began) * 1000)
        tally.refused += not answer.split(b" ", 2)[1].startswith(b"2")
    writer.close()


async def load(request: Request, prefix: str, connections: int, seconds: int) -> None:
    """Send until the time is over, then print the result."""
    place, tally = urlsplit(request.url), Tally()
    head = f"POST {place.path} HTTP/1.1\r\nhost: {place.netloc}\r\n".encode()
    head += b"".join(f"{name}: {value}\r\n".encode() for name, value in request.headers.items())
    source = bodies(request.body, prefix)
    began = time.perf_counter()
    sending = [_connection(request.url, head, source, began + seconds, tally) for _ in range(connections)]
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    tally.failed = sum(isinstance(outcome, BaseException) for outcome in outcomes)
    spent, ordered = time.perf_counter() - began, sorted(tally.latencies_ms) or [0.0]
    result = {
        "requests": len(tally.latencies_ms),
        "seconds": spent,
        "refused": tally.refused,
        "failed": tally.failed,
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[len(ordered) * 99 // 100],
    }
    print("RESULT " + json.dumps(result))


def main() -> None:
    """Read the command line that load.py writes."""
    url, body, headers, connections, seconds, prefix = sys.argv[1:]
    request = Request(url=url, headers=json.loads(headers), body=Path(body).read_bytes())
    uvloop.run(load(request, prefix, int(connections), int(seconds)))


if __name__ == "__main__":
    main()
