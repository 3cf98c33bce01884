"""Writes changes of commands: the commands, the log, and what leaves for it; called by every handler that changes a command."""

from collections.abc import Sequence

from libs.common.contracts import new_event
from libs.common.contracts.inventory import CommandEscalated, CommandWithdrawn, Reorder, Reroute
from libs.common.contracts.topics import INVENTORY_COMMANDS
from libs.common.persistence import OutboxMessage
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.measure import from_milli
from services.inventory.handlers import SOURCE
from services.inventory.ports import InventoryStore


async def keep(store: InventoryStore, changes: Sequence[Change]) -> None:
    """Save, log and publish changes, in order, in the store's transaction. The items' locks are held: touch or claim them before."""
    if not changes:
        return
    await store.commands.save({change.command.command_id: change.command for change in changes}.values())
    await store.log.add(changes)
    await store.append([message for change in changes if (message := _message(change)) is not None])


def _message(change: Change) -> OutboxMessage | None:
    if not change.sends:
        return None
    match change.what:
        case What.SENT:
            return command_message(change.command)
        case What.WITHDRAWN:
            body: CommandWithdrawn | CommandEscalated = CommandWithdrawn(
                **_name(change.command), reason=change.reason or ""
            )
        case _:
            body = CommandEscalated(
                **_name(change.command), alarm=change.command.alarm or "", reason=change.reason or ""
            )
    word = change.command.alarm if change.what is What.ESCALATED else change.what.value
    event_id = f"{change.command.command_id}:{change.command.version}:{word}"
    return OutboxMessage.of(
        new_event(body, event_id=event_id, source=SOURCE, occurred_at=change.at), INVENTORY_COMMANDS
    )


def command_message(command: Command) -> OutboxMessage:
    """The command as its event. A version has one id each time it is sent: a consumer that lost the first sees the second.

    What it asks for is named by command id and version, and is done once.
    """
    shared = {
        **_name(command),
        "store_id": command.store_id,
        "quantity": from_milli(command.quantity_milli),
        "needed_at": command.needed_at,
        "valid_until": command.valid_until,
        "explanation": command.explanation,
    }
    body: Reorder | Reroute
    if command.kind is Kind.REORDER:
        supply = {
            "supplier_id": command.supplier_id,
            "lane_id": command.lane_id,
            "from_store_id": command.from_store_id,
        }
        body = Reorder.model_validate({**shared, **supply, "packs": command.packs, "cost_cents": command.cost_cents})
    else:
        body = Reroute.model_validate({**shared, "from_store_id": command.from_store_id})
    name = f"{command.command_id}:{command.version}"
    event_id = name if command.attempts <= 1 else f"{name}:{command.attempts}"
    occurred_at = command.sent_at or command.decided_at
    return OutboxMessage.of(
        new_event(body, event_id=event_id, source=SOURCE, occurred_at=occurred_at), INVENTORY_COMMANDS
    )


def _name(command: Command) -> dict[str, str | int]:
    return {"command_id": command.command_id, "version": command.version, "item_id": command.item_id}
