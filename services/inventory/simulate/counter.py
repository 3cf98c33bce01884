"""Which command an answer of the simulator speaks of, and which command its goods come of; kept by the translation of facts.

A simulator knows no command ids: it answers in the order of what it was asked, and goods arrive in the order in which they were promised.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TypeAlias

from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.errors import InvalidInput
from services.inventory.domain.measure import to_milli
from services.inventory.simulate import protocol

Place: TypeAlias = tuple[str, str]
"""Store and item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A command that was handed over, as far as an answer needs it. `giver` gives, where that is a store."""

    command_id: str
    version: int
    item_id: str
    store_id: str
    units: int
    giver: str | None = None

    @property
    def kind(self) -> str:
        """As receipts name it."""
        return "supplier" if self.giver is None else "transfer"


@dataclass(slots=True)
class Counter:
    """What was asked and is not answered, and what was promised and has not come."""

    asked: dict[tuple[str, Place], deque[Given]] = field(default_factory=lambda: defaultdict(deque))
    left: dict[Place, deque[Given]] = field(default_factory=lambda: defaultdict(deque))
    promised: dict[tuple[str, Place, int], deque[Given]] = field(default_factory=lambda: defaultdict(deque))

    def ask(self, command: Reorder | Reroute) -> protocol.Asked:
        """A command goes out, in a simulator's words."""
        given = Given(
            command_id=command.command_id,
            version=command.version,
            item_id=command.item_id,
            store_id=command.store_id,
            units=to_milli(command.quantity) // 1000,
            giver=command.from_store_id if isinstance(command, Reroute) else None,
        )
        self.asked[given.kind, (given.store_id, given.item_id)].append(given)
        if given.giver is None:
            return protocol.Reorder(store=given.store_id, item=given.item_id, qty=given.units)
        self.left[given.giver, given.item_id].append(given)
        return protocol.Reroute(from_store=given.giver, to_store=given.store_id, item=given.item_id, qty=given.units)

    def gone(self, place: Place) -> Given:
        """Goods left this store because of the command that is returned; raises InvalidInput where none asked for that."""
        return _next(self.left[place], "goods left without a command")

    def promise(self, kind: str, place: Place, eta: int) -> Given:
        """The oldest unanswered command of this kind for this place was accepted; raises InvalidInput for none."""
        given = _next(self.asked[kind, place], "an answer without a command")
        self.promised[kind, place, eta].append(given)
        return given

    def refuse(self, kind: str, place: Place) -> Given:
        """The oldest unanswered command was refused; raises InvalidInput for none."""
        given = _next(self.asked[kind, place], "an answer without a command")
        if given.giver is not None:
            self.left[given.giver, given.item_id].remove(given)
        return given

    def arrive(self, kind: str, place: Place, day: int) -> Given:
        """Promised goods are there; raises InvalidInput for goods that nobody promised for this day."""
        return _next(self.promised[kind, place, day], "goods that nobody promised")


def _next(waiting: deque[Given], wrong: str) -> Given:
    if not waiting:
        raise InvalidInput(f"the simulator tells of {wrong}", slug="invalid-simulation")
    return waiting.popleft()
