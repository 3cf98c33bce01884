"""Parts of sentences that orders and transfers say alike; used by explanation.py and move_words.py."""

from services.inventory.domain.commands.basis import Basis, Need


def goods(basis: Basis) -> str:
    """What it is about: the number that systems know, and the name that people know."""
    named = basis.item_name not in {"", basis.item_id}
    return f"{basis.item_id} ({basis.item_name})" if named else basis.item_id


def lasting(days: float) -> str:
    """A time as a person says it, to the hour.

    >>> lasting(3.04), lasting(1.0), lasting(0.5)
    ('3 days and 1 hour', '1 day', '12 hours')
    """
    whole, hours = divmod(round(days * 24), 24)
    parts = [(whole, "day"), (hours, "hour")]
    return " and ".join(f"{count} {plural(unit, count)}" for count, unit in parts if count) or "no time"


def cuts(basis: Basis) -> str:
    """What limits and people changed, in order; nothing where they did not."""
    before, words = basis.packs if isinstance(basis, Need) else basis.units, []
    for cut in basis.cuts:
        words.append(f"; changed from {before} to {cut.packs}: {cut.reason}")
        before = cut.packs
    return "".join(words)


def refused(basis: Basis) -> str:
    """Who was asked before; nothing where nobody was."""
    return f" Asked before, without success: {', '.join(basis.refused)}." if basis.refused else ""


def plural(noun: str, count: int) -> str:
    """The noun as it stands after a count."""
    return noun if count == 1 else f"{noun}s"
