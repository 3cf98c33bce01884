"""One child process: started with its log in a file, identified, waited for and ended; whatever the laptop runs is one."""

import asyncio
import contextlib
import functools
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOG_LINES_SHOWN = 15
POLL_SECONDS = 0.02
_PORTS_GIVEN: set[int] = set()

Ready = Callable[[], Awaitable[bool]]


class ChildFailed(Exception):
    """A child process ended, or was not ready in time; the message ends with the last lines of its log."""

    def __init__(self, name: str, what: str, log: Path) -> None:
        self.name = name
        self.what = what
        self.log = log
        self.lines = last_lines(log)
        super().__init__("\n  ".join([f"{name} {what}; the end of {log}:", *self.lines]))


@dataclass(frozen=True)
class Identity:
    """Which process is meant: a pid alone may have been given to another one since."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """The identity of the running process `pid`, None if there is none."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, _start_mark(process))
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            return None

    def runs(self) -> bool:
        """True while that very process runs."""
        return Identity.of(self.pid) == self


def _start_mark(process: psutil.Process) -> str:
    """The kernel's own start mark: unlike a wall-clock time it does not move when the clock is set."""
    stat = Path(f"/proc/{process.pid}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[19]
    return f"{process.create_time():.0f}"


@dataclass
class Child:
    """One started process, its log, and how it is asked to end."""

    name: str
    log: Path
    process: "subprocess.Popen[bytes]"
    stop_signal: signal.Signals = signal.SIGTERM
    stopping: bool = field(default=False)

    @property
    def pid(self) -> int:
        """The process id, also of a process that has ended."""
        return self.process.pid

    @property
    def identity(self) -> Identity | None:
        """What another shell needs to find this process; None once it has ended."""
        return Identity.of(self.pid) if self.running else None

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self.process.poll() is None

    def failed(self, what: str) -> ChildFailed:
        """An error that shows the end of this child's log."""
        return ChildFailed(self.name, what, self.log)

    async def wait_ready(self, ready: Ready, *, within_seconds: float) -> None:
        """Return when `ready` says True; raises ChildFailed when the process ends first or the time is over."""
        deadline = time.monotonic() + within_seconds
        while not await ready():
            if not self.running:
                raise self.failed(f"ended with exit code {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self.failed(f"was not ready within {within_seconds:g} s")
            await asyncio.sleep(POLL_SECONDS)

    async def wait_end(self, *, within_seconds: float) -> bool:
        """True as soon as the process has ended, False if it has not within the time."""
        deadline = time.monotonic() + within_seconds
        while self.running:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def stop(self, *, grace_seconds: float = 10.0) -> None:
        """Ask the process to end, and kill it and its descendants after `grace_seconds`."""
        self.stopping = True
        if self.running:
            self.process.send_signal(self.stop_signal)
            if not await self.wait_end(within_seconds=grace_seconds):
                await self.kill()

    async def kill(self) -> None:
        """Kill the process and all its descendants at once, as a power cut would; returns when they are gone."""
        self.stopping = True
        if self.running:
            descendants = psutil.Process(self.pid).children(recursive=True)
            self.process.kill()
            for descendant in descendants:
                with contextlib.suppress(psutil.NoSuchProcess):
                    descendant.kill()
            self.process.wait()


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    user: str | None = None,
) -> Child:
    """Start `argv` in a session of its own, its output appended to `log`.

    On Linux the child gets `stop_signal` when the thread that called this ends, so call it from a thread that lasts.
    `user` (only as root) runs it as that user, who may still reach files below folders that only root may enter.
    Raises OSError when the program can't be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_wrapper(stop_signal, user), *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    return Child(name, log, process, stop_signal)


async def run_to_end(
    name: str, argv: Sequence[str | Path], *, log: Path, within_seconds: float, user: str | None = None
) -> None:
    """Run `argv` until it ends; raises ChildFailed unless it ends well and in time. A cancelled run is killed."""
    child = spawn(name, argv, log=log, user=user)
    try:
        if not await child.wait_end(within_seconds=within_seconds):
            raise child.failed(f"did not end within {within_seconds:g} s")
    finally:
        await child.kill()
    if child.process.returncode != 0:
        raise child.failed(f"ended with exit code {child.process.returncode}")


def _wrapper(stop_signal: signal.Signals, user: str | None) -> list[str]:
    # setpriv becomes the program by exec, so the pid is the program's own; a preexec function would not be thread-safe.
    setpriv = _setpriv()
    if user is not None:
        if setpriv is None:
            raise FileNotFoundError("as root this needs `setpriv` (package util-linux), to run as an ordinary user")
        identity = ["--reuid", user, "--regid", user_group(user), "--clear-groups"]
        reach = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
        return [setpriv, *identity, *reach, "--pdeathsig", stop_signal.name[3:], "--"]
    return [] if setpriv is None else [setpriv, "--pdeathsig", stop_signal.name[3:], "--"]


@functools.cache
def _setpriv() -> str | None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return None
    told = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)
    return setpriv if "--pdeathsig" in told.stdout else None


def user_group(user: str) -> str:
    """The numeric id of the user's own group, for programs that want a number."""
    import pwd  # noqa: PLC0415 - absent on Windows, where nobody is root

    return str(pwd.getpwnam(user).pw_gid)


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now, another one at every call."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _PORTS_GIVEN:
            _PORTS_GIVEN.add(port)
            return port


def last_lines(log: Path, count: int = LOG_LINES_SHOWN) -> list[str]:
    """The last lines of a log, none if it is missing."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        return file.read().decode(errors="replace").splitlines()[-count:]
