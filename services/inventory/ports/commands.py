"""What the handlers need from storage for commands: the commands, what happened to them, and what waits for a person."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.inventory.domain.commands.approval import Usual
from services.inventory.domain.commands.changes import Change
from services.inventory.domain.commands.command import Answer, Command
from services.inventory.domain.commands.settling import Place
from services.inventory.domain.commands.verdicts import Verdict
from services.inventory.ports.rows import ExceptionRow, LogFilter, LoggedChange, LogPage


class CommandStore(Protocol):
    """Commands and the answers to them."""

    async def lock(self, command_ids: Collection[str]) -> Mapping[str, Command]:
        """Those that exist, locked until the commit. Touch their items before."""
        ...

    async def items_of(self, command_ids: Collection[str]) -> Mapping[str, str]:
        """The item of each command that exists, not locked."""
        ...

    async def save(self, commands: Collection[Command]) -> None:
        """Insert or replace, in the order of ids."""
        ...

    async def remember(self, answers: Sequence[tuple[Answer, str | None, datetime]]) -> Sequence[Answer]:
        """Note answers with their reason and time; returns those not noted before, in the given order."""
        ...

    async def usual(self, commands: Collection[Command], since: datetime) -> Mapping[Place, Usual]:
        """What was asked for, of these kinds, items and stores, since then; these commands themselves not counted."""
        ...

    async def waiting(self, hold: str | None, lane_id: str | None = None, limit: int = 10_000) -> Sequence[Command]:
        """Proposals, not locked, in the order of ids: all, or those that `hold` holds back, of one lane or of all.

        Touch their items and `lock` them before they are changed.
        """
        ...


class CommandLog(Protocol):
    """What happened to commands, in the order in which it was committed; handlers/commands/keeping.py writes it beside each change.

    A reader keeps a cursor: the `reached` of its last page, 0 for everything that is kept.
    """

    async def add(self, changes: Sequence[Change]) -> None:
        """Write changes, in order; they are read when their transaction has committed and they were numbered."""
        ...

    async def number(self, limit: int = 1_000) -> int:
        """Give positions to committed entries, in a transaction of its own, one at a time; how many. 0: all have one."""
        ...

    async def ends(self) -> tuple[int, int]:
        """The first position that is kept, and the last one given (0: none yet)."""
        ...

    async def read(self, after: int, wanted: LogFilter, limit: int) -> LogPage:
        """Numbered entries above `after`, at most `limit`, in the order of positions."""
        ...

    async def history(self, command_id: str) -> Sequence[LoggedChange]:
        """All that happened to one command, in order."""
        ...

    async def forget(self, before: datetime, most: int) -> int:
        """Remove what happened before, the oldest first, `most` entries at the most; how many: from `most` on ask again."""
        ...


class ExceptionStore(Protocol):
    """Commands that wait for a person: proposals that need agreement, and what was escalated."""

    async def queue(
        self, which: str | None, now: datetime, after: tuple[int, str] | None, limit: int
    ) -> Sequence[ExceptionRow]:
        """In the order of (money at stake, command id), the most money first; `which` is `approval`, an alarm, or all."""
        ...

    async def decided(self, command_id: str, version: int) -> Verdict | None:
        """What was decided on this version."""
        ...

    async def note(self, command_id: str, version: int, verdict: Verdict, at: datetime) -> None:
        """Remember a decision; one a version."""
        ...

    async def reached_at(self) -> datetime | None:
        """The event time of the last review."""
        ...
