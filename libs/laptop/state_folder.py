"""The one folder that holds everything the laptop keeps: databases, broker, logs, what runs; deleting it forgets all."""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from libs.laptop.child import Child, Identity

DEFAULT = Path("var/usual")


class AlreadyRunning(Exception):
    """Another supervisor holds the state folder; `run` says what runs, None while it is still starting."""

    def __init__(self, folder: Path, run: "Run | None") -> None:
        self.run = run
        names = ", ".join(part.name for part in run.parts) if run else "still starting"
        pid = f" (pid {run.supervisor.pid})" if run else ""
        super().__init__(f"already running in {folder}{pid}: {names}")


@dataclass(frozen=True)
class Part:
    """One running process of the system."""

    name: str
    identity: Identity
    log: str
    port: int | None = None

    @classmethod
    def of(cls, child: Child, port: int | None = None) -> "Part":
        """Describe a started child; raises ValueError if it has ended."""
        identity = child.identity
        if identity is None:
            raise ValueError(f"{child.name} does not run")
        return cls(child.name, identity, str(child.log), port)


@dataclass(frozen=True)
class Run:
    """What one `usual up` runs. `addresses` names public addresses (no passwords), e.g. {"ingest": "http://..."}."""

    supervisor: Identity
    parts: tuple[Part, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)

    def running_parts(self) -> list[Part]:
        """The parts that still run."""
        return [part for part in self.parts if part.identity.runs()]


class StateFolder:
    """Paths, the lock and the record of what runs."""

    def __init__(self, path: Path = DEFAULT) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.broker = self.path / "broker"
        self.logs = self.path / "logs"
        self._run = self.path / "run.json"
        self._lock = self.path / "lock"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one supervisor; raises AlreadyRunning at once if another one holds it.

        The kernel releases the lock when its holder dies, however it dies; the record of the run goes with a clean end.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AlreadyRunning(self.path, self.read_run()) from error
            try:
                lock.truncate(0)
                lock.write(json.dumps(dataclasses.asdict(this_process())))
                lock.flush()
                yield
            finally:
                lock.truncate(0)
                self._run.unlink(missing_ok=True)

    def holder(self) -> Identity | None:
        """Who holds the folder, also before anything is recorded to run; None if nobody does."""
        try:
            found = Identity(**json.loads(self._lock.read_text()))
        except (FileNotFoundError, ValueError):
            return None
        return found if found.runs() else None

    def write_run(self, run: Run) -> None:
        """Record what runs; a reader sees the old record or the new one, never half of it."""
        fresh = self._run.with_suffix(".new")
        fresh.write_text(json.dumps(dataclasses.asdict(run), indent=2) + "\n")
        fresh.replace(self._run)

    def read_run(self) -> Run | None:
        """What runs, as last recorded; None if nothing is recorded or its supervisor and all its parts have ended."""
        try:
            record = json.loads(self._run.read_text())
        except FileNotFoundError:
            return None
        parts = tuple(Part(**{**part, "identity": Identity(**part["identity"])}) for part in record["parts"])
        run = Run(Identity(**record["supervisor"]), parts, record["addresses"])
        return run if run.supervisor.runs() or run.running_parts() else None

    def delete(self) -> None:
        """Delete everything; raises AlreadyRunning while a supervisor runs."""
        if self.path.exists():
            with self.locked():
                shutil.rmtree(self.path)


def this_process() -> Identity:
    """The identity of the calling process, for the record of a run."""
    identity = Identity.of(os.getpid())
    if identity is None:
        raise RuntimeError("a running process has an identity")
    return identity
