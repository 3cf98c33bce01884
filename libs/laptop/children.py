"""The supervisor of child processes: started in order, watched together, stopped in reverse; `usual up` is built on it."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from libs.laptop.child import (
    POLL_SECONDS,
    Child,
    ChildFailed,
    Identity,
    Ready,
    free_port,
    last_lines,
    run_to_end,
    spawn,
)

__all__ = [
    "Child",
    "ChildFailed",
    "Children",
    "Identity",
    "Ready",
    "answers",
    "free_port",
    "last_lines",
    "run_to_end",
    "spawn",
    "stop_found",
]


class Children:
    """The children of one supervisor: started in order, watched together, stopped in reverse order."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}

    @property
    def running(self) -> list[Child]:
        """The children that run, in the order of their start."""
        return [child for child in self._children.values() if child.running]

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    async def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        ready: Ready | None = None,
        ready_within_seconds: float = 30.0,
    ) -> Child:
        """Start `name` and return when `ready` says True.

        Raises ChildFailed when it ends or is not ready in time (it is stopped then), ValueError if `name` runs.
        """
        if name in self._children and self._children[name].running:
            raise ValueError(f"{name} already runs")
        child = spawn(name, argv, log=self._logs / f"{name}.log", env=env)
        self._children[name] = child
        if ready is not None:
            try:
                await child.wait_ready(ready, within_seconds=ready_within_seconds)
            except BaseException:
                await child.kill()
                raise
        return child

    async def crashed(self) -> ChildFailed:
        """Wait until a child ends without having been asked to, and return what is known of it."""
        while True:
            for child in self._children.values():
                if not child.stopping and not child.running:
                    child.stopping = True
                    return child.failed(f"ended with exit code {child.process.returncode}")
            await asyncio.sleep(POLL_SECONDS * 5)

    async def stop_all(self, *, grace_seconds: float = 10.0) -> None:
        """Stop all, the last started first; each has `grace_seconds` before it is killed."""
        for child in reversed(list(self._children.values())):
            await child.stop(grace_seconds=grace_seconds)


async def stop_found(identity: Identity, *, grace_seconds: float = 10.0) -> bool:
    """Stop a process that another shell started; True if it ran. Killed after `grace_seconds`."""
    if not identity.runs():
        return False
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, sign)
        if await _ends(identity, within_seconds=grace_seconds):
            break
    return True


async def _ends(identity: Identity, *, within_seconds: float) -> bool:
    deadline = time.monotonic() + within_seconds
    while identity.runs():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


def answers(url: str) -> Ready:
    """A readiness check: `url` answers 200."""

    async def ready() -> bool:
        # Without trust_env a proxy of the machine would be asked for a loopback address.
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            try:
                return (await client.get(url)).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    return ready
