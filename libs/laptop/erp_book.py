"""What the simulated ERP has promised: commands, answers and deliveries, in a file that outlives it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from libs.common.contracts import Event, contract_of, format_moment, new_event, parse_moment
from libs.common.contracts.inventory import Command
from libs.laptop.supply import Plan, plan

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Book:
    """All commands by id, in their newest version. Lines are only ever appended; a cut-off last line is forgotten."""

    path: Path
    seed: int
    _plans: dict[str, Plan] = field(default_factory=dict)
    _unanswered: dict[str, Plan] = field(default_factory=dict)
    _undelivered: dict[str, Plan] = field(default_factory=dict)
    _delivered: set[str] = field(default_factory=set)
    _withdrawn: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, seed: int) -> "Book":
        """The book as the last ERP left it."""
        book = cls(path, seed)
        written = path.read_bytes() if path.exists() else b""
        if written and not written.endswith(b"\n"):
            with path.open("ab") as file:
                file.write(b"\n")
        for line in written.splitlines():
            try:
                row = _decode(line)
            except msgspec.DecodeError:
                continue
            book._restore(row)
        return book

    def take(self, event: Event) -> bool:
        """Note a command; False if this version, or a later one, is known.

        A known version that comes again is answered again: whoever sends it once more has not heard.
        """
        if not self._plan(event):
            self._answer_again(event)
            return False
        self._append({"type": event.type, "at": format_moment(event.occurred_at), "command": _json(event)})
        return True

    def withdraw(self, command_id: str, version: int) -> bool:
        """Forget a command that was taken back, unless goods have come of it or a later version is known; whether it was."""
        if not self._withdraw(command_id, version):
            return False
        self._append({"withdrawn": [command_id, version]})
        return True

    def unanswered(self) -> list[Plan]:
        """What has not been answered yet, in the order of (command id, version)."""
        return sorted(self._unanswered.values(), key=_name)

    def due(self, until: datetime) -> list[Plan]:
        """What must be delivered by `until`, in the order of (time, command id)."""
        found = [(known.delivers_at, id_) for id_, known in self._undelivered.items()]
        return [self._undelivered[id_] for at, id_ in sorted((at, id_) for at, id_ in found if at and at <= until)]

    def answered(self, plans: Sequence[Plan]) -> None:
        """Note that these were answered."""
        for known in plans:
            self._note_answered(*known.name)
        self._append(*({"answered": known.name} for known in plans))

    def delivered(self, plans: Sequence[Plan]) -> None:
        """Note that these were delivered."""
        for known in plans:
            self._note_delivered(known.command.command_id)
        self._append(*({"delivered": known.command.command_id} for known in plans))

    def counts(self) -> dict[str, int]:
        """How many commands there are, by what became of them."""
        return {
            "commands": len(self._plans),
            "unanswered": len(self._unanswered),
            "undelivered": len(self._undelivered),
            "delivered": len(self._delivered),
            "withdrawn": len(self._withdrawn),
        }

    def _plan(self, event: Event) -> bool:
        made = plan(event, self.seed)
        command_id, version = made.name
        known = self._plans.get(command_id)
        if known is not None and known.command.version >= version:
            return False
        if self._withdrawn.get(command_id, 0) >= version:
            return False
        self._plans[command_id] = self._unanswered[command_id] = made
        self._undelivered.pop(command_id, None)
        if made.delivers_at is not None and command_id not in self._delivered:
            self._undelivered[command_id] = made
        return True

    def _answer_again(self, event: Event) -> None:
        known = self._plans.get(event.data.command_id) if isinstance(event.data, Command) else None
        is_again = isinstance(event.data, Command) and known is not None and known.command.version == event.data.version
        if is_again and known is not None and known.command.command_id not in self._withdrawn:
            self._unanswered.setdefault(known.command.command_id, known)

    def _withdraw(self, command_id: str, version: int) -> bool:
        known = self._plans.get(command_id)
        if command_id in self._delivered or (known is not None and known.command.version > version):
            return False
        self._withdrawn[command_id] = max(version, self._withdrawn.get(command_id, 0))
        self._unanswered.pop(command_id, None)
        self._undelivered.pop(command_id, None)
        return True

    def _note_answered(self, command_id: str, version: int) -> None:
        """An answer to an older version leaves the newer one unanswered."""
        if (known := self._unanswered.get(command_id)) is not None and known.command.version <= version:
            del self._unanswered[command_id]

    def _note_delivered(self, command_id: str) -> None:
        self._delivered.add(command_id)
        self._undelivered.pop(command_id, None)

    def _restore(self, row: dict[str, Any]) -> None:
        if "command" in row:
            command = contract_of(row["type"]).model_validate_json(_encode(row["command"]))
            self._plan(new_event(command, event_id="restored", source="", occurred_at=parse_moment(row["at"])))
        elif "answered" in row:
            self._note_answered(*row["answered"])
        elif "delivered" in row:
            self._note_delivered(row["delivered"])
        elif "withdrawn" in row:
            self._withdraw(*row["withdrawn"])

    def _append(self, *rows: dict[str, Any]) -> None:
        if rows:
            with self.path.open("ab") as file:
                file.write(b"".join(_encode(row) + b"\n" for row in rows))


def _json(event: Event) -> msgspec.Raw:
    assert isinstance(event.data, Command)  # noqa: S101 - `plan` has looked
    return msgspec.Raw(event.body())


def _name(known: Plan) -> tuple[str, int]:
    return known.name
