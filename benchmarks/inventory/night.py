"""One worker of a night: `python -m benchmarks.inventory.night URL UNTIL close|review`; several share the items. Prints what it cost."""

import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path

import uvloop
from pydantic import SecretStr

from libs.common.errors import RetryableError
from services.inventory.bootstrap import assemble
from services.inventory.bootstrap.roles import closer_of, reviewer_of
from services.inventory.settings import Settings

_TRIES = 10


async def run(url: str, until: datetime, what: str) -> tuple[int, int]:
    """Close or review until nothing is left; how many items this worker had in its last run, and how often a transaction was lost.

    A lost one is done again, as the service's worker does it.
    """
    settings = Settings(database_url=SecretStr(url), kafka_bootstrap="127.0.0.1:1", play_mode=True, order_line_cents=5)
    parts = assemble(settings, "worker")
    try:
        for lost in range(_TRIES):
            try:
                if what == "close":
                    return await closer_of(parts).run(until), lost
                return (await reviewer_of(parts).run(until))["claimed"], lost
            except RetryableError as error:
                print(f"{what}: {error}", file=sys.stderr)
        raise TimeoutError(f"the {what} lost {_TRIES} transactions")
    finally:
        await parts.engine.dispose()


def _greatest_mb() -> float:
    """The most memory that this process ever had. Not `getrusage`: that remembers the process which started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Say "ready", wait for a line, work, print the cost as JSON."""
    url, until, what = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    items, lost = uvloop.run(run(url, datetime.fromisoformat(until), what))
    print(
        json.dumps(
            {
                "items": items,
                "lost": lost,
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
                "rss_mb": _greatest_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
