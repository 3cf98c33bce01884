"""Entries of the log of commands as the events that webhooks carry: CloudEvents 1.0, structured JSON, the same bytes each time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from libs.common.contracts import format_moment
from services.inventory.domain.commands.changes import What
from services.inventory.domain.commands.command import Command
from services.inventory.domain.measure import from_milli
from services.inventory.domain.webhooks import PING_TYPE, LoggedEvent
from services.inventory.handlers import SOURCE
from services.inventory.handlers.commands.keeping import command_message
from services.inventory.ports import LoggedChange

_WITHDRAWN = "usual.inventory.command_withdrawn.v1"
_ESCALATED = "usual.inventory.command_escalated.v1"
_STATUS = "usual.inventory.command_status.v1"
_INTERNAL = "internal"
"""Nobody can subscribe to it: cursors pass it."""
_PUBLIC = frozenset({What.ANSWERED, What.MOVED, What.EXPIRED})
_encode = msgspec.json.Encoder(order="deterministic").encode


def event_of(entry: LoggedChange) -> LoggedEvent:
    """The event of one entry. What is sent is sent under the id that it has on the topic."""
    command, what = entry.change.command, entry.change.what
    kind = _type_of(command, what)
    message_id = f"command-log:{entry.position}"
    content: Mapping[str, Any] | msgspec.Raw
    if what is What.SENT:
        message = command_message(command)
        message_id = next(value for name, value in message.headers if name == "ce_id").decode()
        content = msgspec.Raw(message.value or b"")
    else:
        content = _change(entry)
    return LoggedEvent(
        position=entry.position,
        message_id=message_id,
        item_id=command.item_id,
        type=kind,
        occurred_at=entry.change.at,
        body=_body(kind, message_id, entry.change.at, content, command.item_id),
    )


def ping(webhook_id: str, message_id: str, now: datetime) -> bytes:
    """An event that only says that deliveries arrive."""
    return _body(PING_TYPE, message_id, now, {"webhook_id": webhook_id}, None)


def _type_of(command: Command, what: What) -> str:
    """Of a command that never left only its escalation is told: to the people who should look at it."""
    if what is What.SENT:
        return f"usual.inventory.{command.kind.value}.v1"
    if what is What.ESCALATED:
        return _ESCALATED
    is_heard_of = command.attempts > 0 or command.version > 1
    if what is What.WITHDRAWN and is_heard_of:
        return _WITHDRAWN
    return _STATUS if what in _PUBLIC and is_heard_of else _INTERNAL


def _change(entry: LoggedChange) -> Mapping[str, Any]:
    command, change = entry.change.command, entry.change
    return {
        "command_id": command.command_id,
        "version": command.version,
        "kind": command.kind.value,
        "item_id": command.item_id,
        "store_id": command.store_id,
        "change": change.what.value,
        "status": command.status.word,
        "reason": change.reason,
        "quantity": str(from_milli(command.quantity_milli)),
        "promised": None if command.promised_milli is None else str(from_milli(command.promised_milli)),
        "shipped": str(from_milli(command.shipped_milli)),
        "received": str(from_milli(command.received_milli)),
        "expected_at": None if command.expected_at is None else format_moment(command.expected_at),
        "position": entry.position,
    }


def _body(
    kind: str, message_id: str, at: datetime, content: Mapping[str, Any] | msgspec.Raw, item_id: str | None
) -> bytes:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": message_id,
        "source": SOURCE,
        "type": kind,
        "time": format_moment(at),
        "datacontenttype": "application/json",
        "data": content,
    }
    return _encode(event if item_id is None else {**event, "partitionkey": item_id})
