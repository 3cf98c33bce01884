"""Which core does what, so that a server and the load on it do not take each other's time."""

import os

import psutil

SERVER_CORE = 0


def load_core() -> int | None:
    """The load generator's core, None where there is only one."""
    return 1 if _several() else None


def pin_server(pid: int) -> None:
    """All threads of a server to its core."""
    if _several() and hasattr(os, "sched_setaffinity"):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, {SERVER_CORE})


def _several() -> bool:
    return (os.cpu_count() or 1) > 1
