"""What becomes of drafts: held back for a person or by their lane's limits, else approved and sent; used by the review's handler."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.inventory.domain.commands.approval import ALL_APPROVED, ApprovalPolicy, ApprovalRule, Usual, hold_of
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Command, Hold, Kind, Status, proposed, released

REVIEW = "review"
Place = tuple[str, str, str]
"""Kind, item and store: what a usual quantity is known of."""


def _no_limits(_command: Command) -> Hold | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a draft must pass before it is sent."""

    approval: ApprovalPolicy = ALL_APPROVED
    limits: Callable[[Command], Hold | None] = field(default=_no_limits)
    """The hook of supply lanes with limits: the hold of a command that has to wait for its lane's stage."""


def place_of(command: Command) -> Place:
    """Where its usual quantity is looked up."""
    return command.kind.value, command.item_id, command.store_id


def settle(
    draft: Command, before: Command | None, category: str, usual: Mapping[Place, Usual], gates: Gates
) -> Sequence[Change]:
    """The changes that a draft comes to; nothing where it would replace what was sent, and is held back.

    What stands in the world is not put in doubt by a version that may never come: it is asked for on another day.
    """
    rule = gates.approval.rule_for(draft, category)
    holds = _holds(draft, rule, usual.get(place_of(draft)), gates)
    if holds and before is not None and before.status is Status.SENT:
        return ()
    command = proposed(draft, holds)
    if holds:
        reason = "; ".join(hold.reason for hold in command.holds)
        return (Change(command=command, what=What.PROPOSED, actor=REVIEW, at=draft.decided_at, reason=reason),)
    actor = f"rule:{rule.name}" if rule is not None else "rule:none"
    return (sent(released(command, None, draft.decided_at, approved_by=actor), actor, _why(before)),)


def sent(command: Command, actor: str, reason: str | None = None) -> Change:
    """The change that lets a released command leave."""
    at = command.sent_at or command.decided_at
    return Change(command=command, what=What.SENT, actor=actor, at=at, reason=reason, sends=True)


def _holds(draft: Command, rule: ApprovalRule | None, usual: Usual | None, gates: Gates) -> tuple[Hold, ...]:
    found = (hold_of(draft, rule, usual), gates.limits(draft) if draft.kind is Kind.REORDER else None)
    return tuple(hold for hold in found if hold is not None)


def _why(before: Command | None) -> str | None:
    if before is None:
        return None
    if before.status in {Status.REJECTED, Status.EXPIRED}:
        word = "said no" if before.status is Status.REJECTED else "did not answer"
        return f"replaces version {before.version}: {before.source} {word}"
    return f"replaces version {before.version}: more is needed"
