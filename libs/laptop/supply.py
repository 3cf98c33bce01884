"""How the simulated ERP answers a command: a seeded plan, SYNTHETIC. Pure; libs/laptop/erp.py carries it out.

The same command id gives the same plan, however often and in which order commands come.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any

from libs.common.contracts import Event, format_moment
from libs.common.contracts.inventory import AcknowledgementStatus, Command, Reorder, Reroute
from libs.common.ids import derived_id
from libs.laptop.wire import cloud_event

REJECTED_RATIO = 0.03
SHORT_RATIO = 0.07
LATE_RATIO = 0.12
ALONE_RATIO = 0.05
SHORT_SHARE = Decimal("0.7")
LATE = timedelta(hours=24)
TRANSFER = timedelta(hours=12)
FRESH_HOURS, DRY_HOURS = 24, 48
"""Lead times of the made-up lanes."""
FRESH_LANE = "lane-fresh-"
SOURCE = "erp"


class Channel(StrEnum):
    """How a command is answered."""

    HTTP = "http"
    """With whatever else is to be said: many in a request."""
    ALONE = "alone"
    """In a request of its own."""
    TOPIC = "topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the ERP makes of one version of a command. `delivers_at` None: nothing will come."""

    command: Command
    issued_at: datetime
    channel: Channel
    status: AcknowledgementStatus
    quantity: Decimal
    delivers_at: datetime | None
    reason: str | None = None

    @property
    def name(self) -> tuple[str, int]:
        """The version of the command that it is for."""
        return self.command.command_id, self.command.version

    def acknowledgement(self) -> dict[str, Any]:
        """The answer's body."""
        content: dict[str, Any] = {
            "command_id": self.command.command_id,
            "version": self.command.version,
            "item_id": self.command.item_id,
            "status": self.status.value,
        }
        if self.status is AcknowledgementStatus.AMENDED:
            content["quantity"] = str(self.quantity)
        if self.delivers_at is not None:
            content["expected_at"] = format_moment(self.delivers_at)
        if self.reason is not None:
            content["reason"] = self.reason
        return content

    def receipt(self) -> dict[str, Any]:
        """The body that says that the goods are there."""
        return {
            "command_id": self.command.command_id,
            "version": self.command.version,
            "item_id": self.command.item_id,
            "status": AcknowledgementStatus.RECEIVED.value,
            "quantity": str(self.quantity),
        }

    def deliveries(self) -> list[dict[str, Any]]:
        """What stock does: a delivery, or a pair of movements. Raises ValueError when nothing will come."""
        command, at = self.command, self.delivers_at
        if at is None:
            raise ValueError(f"{command.command_id} is not delivered")
        if isinstance(command, Reroute):
            leaves = _moved(command, command.from_store_id, -self.quantity, "transfer_out")
            arrives = _moved(command, command.store_id, self.quantity, "transfer_in")
            return [
                cloud_event(
                    "usual.stock.moved.v1", derived_id(str(moved["reason"]), command.command_id), SOURCE, at, moved
                )
                for moved in (leaves, arrives)
            ]
        content = {
            "store_id": command.store_id,
            "item_id": command.item_id,
            "quantity": str(self.quantity),
            "command_id": command.command_id,
        }
        event_id = derived_id("delivered", command.command_id)
        return [cloud_event("usual.stock.delivered.v1", event_id, SOURCE, at, content)]


def _moved(command: Command, store_id: str, change: Decimal, reason: str) -> Mapping[str, Any]:
    return {
        "store_id": store_id,
        "item_id": command.item_id,
        "change": str(change),
        "reason": reason,
        "command_id": command.command_id,
    }


def plan(event: Event, seed: int) -> Plan:
    """The plan for a command; raises TypeError for an event that is none."""
    command = event.data
    if not isinstance(command, Command):
        raise TypeError(f"{event.type} is no command")
    drawn = random.Random(f"{seed}:{command.command_id}")
    channel = _channel(drawn.choice((Channel.HTTP, Channel.TOPIC)), command, seed)
    fate, late = drawn.random(), drawn.random() < LATE_RATIO
    if fate < REJECTED_RATIO:
        return Plan(
            command=command,
            issued_at=event.occurred_at,
            channel=channel,
            status=AcknowledgementStatus.REJECTED,
            quantity=Decimal(0),
            delivers_at=None,
            reason="not-available",
        )
    short = fate < REJECTED_RATIO + SHORT_RATIO
    return Plan(
        command=command,
        issued_at=event.occurred_at,
        channel=channel,
        status=AcknowledgementStatus.AMENDED if short else AcknowledgementStatus.ACKNOWLEDGED,
        quantity=_short(command.quantity) if short else command.quantity,
        delivers_at=event.occurred_at + _lead_time(command) + (LATE if late else timedelta()),
        reason="short" if short else None,
    )


def _channel(drawn: Channel, command: Command, seed: int) -> Channel:
    is_alone = random.Random(f"alone:{seed}:{command.command_id}").random() < ALONE_RATIO
    return Channel.ALONE if drawn is Channel.HTTP and is_alone else drawn


def _short(quantity: Decimal) -> Decimal:
    return (quantity * SHORT_SHARE).to_integral_value(ROUND_CEILING)


def _lead_time(command: Command) -> timedelta:
    if not isinstance(command, Reorder):
        return TRANSFER
    return timedelta(hours=FRESH_HOURS if command.lane_id.startswith(FRESH_LANE) else DRY_HOURS)
