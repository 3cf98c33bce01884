"""One item while it is decided: its stores' stock with every open command netted; used by the review and its decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.planning.spoilage import Spoilage
from services.inventory.domain.stock.shelves import ItemPlan, ItemView


@dataclass(slots=True, kw_only=True)
class ItemState:
    """Arrays in the order of the item's stores, quantities in thousandths."""

    item: ItemView
    plan: ItemPlan
    reserved_milli: IntArray
    in_transit_milli: IntArray
    on_order_milli: IntArray
    commands: dict[str, Command] = field(default_factory=dict)
    unsourced: list[str] = field(default_factory=list)
    """Stores whose need nobody is left to ask for today."""
    cramped: list[tuple[Command, str]] = field(default_factory=list)
    """Alarms of shelves that are short and have no room for an order, each with its reason."""
    spoilage: Spoilage | None = None
    """What its lots come to; None where nothing spoils as far as anybody knows."""

    @classmethod
    def of(cls, item: ItemView, plan: ItemPlan, commands: Sequence[Command]) -> "ItemState":
        """The item with these commands netted."""
        nothing = [np.zeros(len(item.store_ids), dtype=np.int64) for _ in range(3)]
        state = cls(
            item=item, plan=plan, reserved_milli=nothing[0], in_transit_milli=nothing[1], on_order_milli=nothing[2]
        )
        for command in commands:
            state.add(command)
        return state

    @property
    def free_milli(self) -> IntArray:
        """On hand, not promised to another store and not past its last day.

        A negative book is a wrong book: what was sold was there. It is planned with as an empty shelf, not as a debt.
        """
        free: IntArray = np.maximum(self.item.on_hand_milli, 0) - self.reserved_milli
        return free if self.spoilage is None else free - self.spoilage.ended_milli

    @property
    def soon_milli(self) -> IntArray:
        """What is free and on its way from other stores, less what will probably end unsold.

        What is left of an item that this one follows counts as its own.
        """
        soon: IntArray = self.free_milli + self.in_transit_milli
        if self.plan.stands_in_milli is not None:
            soon = soon + self.plan.stands_in_milli
        return soon if self.spoilage is None else soon - self.spoilage.spoiling_milli

    @property
    def position_milli(self) -> IntArray:
        """What there will be when all that was asked for has come and gone, and what spoils is gone too."""
        return self.soon_milli + self.on_order_milli

    def place(self, store_id: str | None) -> int | None:
        """Where a store stands in the arrays; None for one that has no shelf of this item."""
        found = [place for place, known in enumerate(self.item.store_ids) if known == store_id]
        return found[0] if found else None

    def add(self, command: Command) -> None:
        """Net a command: what comes of it, and what its giving store has promised. A version replaces the one before."""
        before = self.commands.get(command.command_id)
        if before is not None:
            self._net(before, -1)
        self.commands[command.command_id] = command
        self._net(command, 1)

    def arriving_milli(self, until: datetime) -> IntArray:
        """What comes by then, per store."""
        arriving = np.zeros_like(self.on_order_milli)
        for command in self.commands.values():
            place = self.place(command.store_id) if command.incoming_milli else None
            if place is not None and command.arrives_at <= until:
                arriving[place] += command.incoming_milli
        return arriving

    def next_supply_at(self, store_id: str, lane: Lane, now: datetime) -> datetime:
        """When goods come from a supplier: what is on order, else what would be ordered now."""
        ordered = [
            command.arrives_at
            for command in self.commands.values()
            if command.kind is Kind.REORDER and command.store_id == store_id and command.incoming_milli
        ]
        return min([*ordered, lane.arrives_at(now)])

    def _net(self, command: Command, sign: int) -> None:
        place = self.place(command.store_id)
        if place is not None:
            column = self.in_transit_milli if command.kind is Kind.REROUTE else self.on_order_milli
            column[place] += sign * command.incoming_milli
        giver = self.place(command.from_store_id)
        if giver is not None:
            self.reserved_milli[giver] += sign * command.outgoing_milli
