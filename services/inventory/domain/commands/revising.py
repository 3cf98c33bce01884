"""What is asked for changes: a higher version takes a command's place, and says why; used by decisions, lane limits and buyers."""

from dataclasses import replace

from services.inventory.domain.commands.basis import Basis, Cut, Need
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.commands.explanation import explain
from services.inventory.domain.measure import GREATEST_MILLI

_UNIT = 1000
FAILED = frozenset({Status.REJECTED, Status.EXPIRED})
"""Where another source may be asked for the same need."""


def next_version(known: Command | None, draft: Command) -> Command | None:
    """The draft as it may be asked for, given what was asked for this need on its day; None where that is settled."""
    if known is None:
        return draft
    if known.status <= Status.SENT:
        may_grow = known.source == draft.source and draft.kind is Kind.REORDER
        is_sayable = known.quantity_milli + draft.quantity_milli <= GREATEST_MILLI
        return enlarged(known, draft) if may_grow and is_sayable else None
    failed = known.status in FAILED and known.shipped_milli == 0
    return sourced_anew(known, draft) if failed and draft.source not in {known.source, *known.refused} else None


def enlarged(command: Command, by: Command) -> Command:
    """The next version of an unanswered command that asks for what `by` asks in addition."""
    basis = by.basis
    if isinstance(basis, Need):
        basis = _wider(basis, command) if command.status.is_waiting else _after(basis, command)
    return replace(
        by,
        version=command.version + 1,
        quantity_milli=command.quantity_milli + by.quantity_milli,
        packs=command.packs + by.packs,
        cost_cents=_sum(command.cost_cents, by.cost_cents),
        stake_cents=_sum(command.stake_cents, by.stake_cents),
        refused=command.refused,
        basis=basis,
        explanation=_words(by, basis),
    )


def _after(need: Need, command: Command) -> Need:
    """What was sent stands: the need says what comes on top of it."""
    return replace(need, asked_milli=command.quantity_milli, asked_version=command.version, refused=command.refused)


def _wider(need: Need, command: Command) -> Need:
    """What nobody has heard of is replaced as a whole: the need as it is without it."""
    missed_units = need.missed_units + command.quantity_milli / _UNIT
    margin_cents = need.missed_cents / need.missed_units if need.missed_units > 0 else 0.0
    return replace(
        need,
        coming_milli=need.coming_milli - command.quantity_milli,
        packs=need.packs + command.packs,
        missed_units=missed_units,
        missed_cents=missed_units * margin_cents,
        refused=command.refused,
    )


def sourced_anew(command: Command, by: Command) -> Command:
    """The next version of a command that its source did not fill: the same need, asked of another source."""
    refused = tuple(sorted({*command.refused, *([command.source] if command.source else [])}))
    basis = None if by.basis is None else replace(by.basis, refused=refused)
    return replace(by, version=command.version + 1, refused=refused, basis=basis, explanation=_words(by, basis))


def resized(command: Command, packs: int, reason: str) -> Command:
    """The next version of a proposal that asks for this many packs (a reroute: units) instead. Holds stay as they are.

    Raises ValueError for less than one pack (withdraw it), and for what is no proposal.
    """
    if packs < 1:
        raise ValueError("a command asks for something")
    if command.basis is None or not command.status.is_waiting:
        raise ValueError(f"{command.command_id} is no proposal that can be changed")
    basis = command.basis
    changed: Basis = replace(basis, cuts=(*basis.cuts, Cut(packs=packs, reason=reason)))
    quantity_milli = changed.quantity_milli
    return replace(
        command,
        version=command.version + 1,
        quantity_milli=quantity_milli,
        packs=packs if command.kind is Kind.REORDER else 1,
        cost_cents=_part(command.cost_cents, quantity_milli, command.quantity_milli),
        stake_cents=_part(command.stake_cents, quantity_milli, command.quantity_milli),
        basis=changed,
        explanation=explain(changed),
    )


def _words(by: Command, basis: Basis | None) -> str:
    return by.explanation if basis is None else explain(basis)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _part(cents: int | None, quantity_milli: int, of_milli: int) -> int | None:
    return None if cents is None else cents * quantity_milli // of_milli
