"""What inventory systems answer: one handler for the topic and for HTTP, idempotent by command, version and status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from libs.common.contracts.inventory import Acknowledged
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Answer, Command, answered, credible
from services.inventory.domain.measure import to_milli
from services.inventory.handlers.commands.keeping import keep
from services.inventory.ports import InventoryStore


class Effect(StrEnum):
    """What an answer came to."""

    APPLIED = "applied"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    """It speaks of a version that was replaced, or of a command that has gone further already: noted, without effect."""

    UNKNOWN = "unknown"
    """There is no such command for this item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """An answer, when it was given, and by whom."""

    body: Acknowledged
    answered_at: datetime
    by: str = "topic"


async def acknowledge(store: InventoryStore, given: Sequence[Acknowledgement]) -> Sequence[Effect]:
    """Apply answers to their commands, and have their items looked at again; the effect of each, in order."""
    effects, _ = await settle(store, given)
    return effects


async def settle(
    store: InventoryStore, given: Sequence[Acknowledgement]
) -> tuple[Sequence[Effect], Mapping[str, Command]]:
    """As `acknowledge`, and where the commands stand after it, by their ids."""
    items = await store.commands.items_of({one.body.command_id for one in given})
    known = [one for one in given if items.get(one.body.command_id) == one.body.item_id]
    # Items before commands: a review locks in the same order.
    await store.stock.touch({one.body.item_id for one in known})
    commands = dict(await store.commands.lock([one.body.command_id for one in known]))
    known = [one for one in known if one.body.command_id in commands]  # what is long over may be forgotten meanwhile
    new = await store.commands.remember(
        [(_answer(one, commands[one.body.command_id]), one.body.reason, one.answered_at) for one in known]
    )
    reasons = {_name(one.body): (one.body.reason, one.by) for one in reversed(known)}
    effects: dict[tuple[str, int, str], Effect] = {}
    changes: list[Change] = []
    for answer in new:
        before = commands[answer.command_id]
        after = answered(before, answer)
        commands[answer.command_id] = after
        effects[_name(answer)] = Effect.OUTDATED if after == before else Effect.APPLIED
        if after != before:
            reason, by = reasons[_name(answer)]
            said = answer.status if reason is None else f"{answer.status}: {reason}"
            at = answer.answered_at or before.decided_at
            changes.append(Change(command=after, what=What.ANSWERED, actor=by, at=at, reason=said))
    await keep(store, changes)
    applied = {id(one) for one in known}
    told = [effects.pop(_name(one.body), Effect.REPEATED) if id(one) in applied else Effect.UNKNOWN for one in given]
    return told, commands


def _answer(one: Acknowledgement, command: Command) -> Answer:
    body = one.body
    return Answer(
        command_id=body.command_id,
        version=body.version,
        status=body.status.value,
        quantity_milli=None if body.quantity is None else to_milli(body.quantity),
        expected_at=credible(body.expected_at, command.decided_at),
        answered_at=one.answered_at,
    )


def _name(said: Answer | Acknowledged) -> tuple[str, int, str]:
    return said.command_id, said.version, str(said.status)
