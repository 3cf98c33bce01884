"""Processes that stand still: stopped where they are, with nothing of theirs still under way on another core."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path


def stand_still(pids: Iterable[int]) -> None:
    """Stop them, and return when each of their threads has: a signal that was sent is not yet one that was obeyed."""
    stopped = tuple(pids)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    while any(_runs(pid) for pid in stopped):
        time.sleep(0.001)


def _runs(pid: int) -> bool:
    """Whether a thread is not stopped yet; where the kernel shows no threads, nothing is known to run."""
    return any(_state(thread) not in "TtZX" for thread in Path(f"/proc/{pid}/task").glob("*/stat"))


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"
