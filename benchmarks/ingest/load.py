"""Load: many connections, each sending its next request as soon as the last was answered; by wrk, else by ourselves."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

CARDS = 1_000
_SCRIPT = """
local file = io.open("{body}", "rb")
local template = file:read("*a")
file:close()
local count = 0
local function id() count = count + 1; return "{prefix}-" .. count end
wrk.method = "POST"
{headers}
function request()
  local own = id()
  local body = template:gsub("@CARD@", count % {cards})
  local left = {ids}
  body = body:gsub("@ID@", function() if left == 0 then left = {ids}; own = id() end; left = left - 1; return own end)
  return wrk.format(nil, nil, nil, body)
end
function done(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('RESULT {{"requests": %d, "seconds": %f, "refused": %d, "failed": %d, "p50_ms": %f, "p99_ms": %f}}\\n',
    summary.requests, summary.duration / 1e6, summary.errors.status, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent again and again; `@ID@` and `@CARD@` in the body differ each time."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    events: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one run of load saw: requests answered, of these with another status than success, and how fast."""

    requests: int
    seconds: float
    refused: int
    failed: int
    p50_ms: float
    p99_ms: float


def bodies(template: bytes, prefix: str) -> Iterator[bytes]:
    """The template with new ids each time; the two that an event names stay the same."""
    pieces = template.split(b'"specversion"')
    ids = itertools.count()
    for turn in itertools.count():
        card = str(turn % CARDS).encode()
        parts = (piece.replace(b"@ID@", f"{prefix}-{next(ids)}".encode()) for piece in pieces)
        yield b'"specversion"'.join(parts).replace(b"@CARD@", card)


@cache
def generator() -> str:
    """Which load generator there is."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def run(request: Request, *, connections: int, seconds: int, folder: Path, core: int | None) -> Answered:
    """Load for that long; raises CalledProcessError when the generator fails."""
    body = folder / "body.json"
    body.write_bytes(request.body)
    if generator() == "wrk":
        script = folder / "load.lua"
        script.write_text(_lua(request, body))
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(script), request.url]
    else:
        argv = [
            sys.executable,
            "-m",
            "benchmarks.ingest.own_load",
            request.url,
            str(body),
            json.dumps(dict(request.headers)),
        ]
        argv += [str(connections), str(seconds), unused_prefix()]
    pinned = ["taskset", "-c", str(core), *argv] if core is not None else argv
    told = subprocess.run(pinned, check=True, capture_output=True, text=True).stdout
    (line,) = [line for line in told.splitlines() if line.startswith("RESULT ")]
    return Answered(**json.loads(line.removeprefix("RESULT ")))


def _lua(request: Request, body: Path) -> str:
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in request.headers.items())
    ids = request.body.count(b"@ID@") // request.events
    return _SCRIPT.format(body=body, prefix=unused_prefix(), headers=headers, cards=CARDS, ids=ids)


def unused_prefix() -> str:
    """No run repeats the ids of another: a door that knows repeats would answer them for nothing."""
    return uuid4().hex[:8]
