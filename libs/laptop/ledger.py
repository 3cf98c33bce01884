"""What the journal says the databases must hold: exact where a door answered, a range where nobody knows. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from libs.laptop.journal import Answered, CheckedOut, Entry, Redeemed, Sent

SALE = "usual.pos.sale.v1"
EventName = tuple[str, str]
Key = TypeVar("Key")
Amount = Decimal | int


@dataclass(slots=True)
class Range:
    """What a sum must be: `low` is certain, `high` holds what may or may not have arrived."""

    low: Amount = 0
    high: Amount = 0

    def add(self, amount: Amount, *, certain: bool) -> None:
        """Count an effect."""
        self.high += max(amount, 0)
        self.low += min(amount, 0)
        if certain:
            self.low += max(amount, 0)
            self.high += min(amount, 0)


@dataclass(slots=True)
class Ledger:
    """Expected effects, by who must show them."""

    receipts: dict[str, Range] = field(default_factory=lambda: defaultdict(Range))
    """Receipts by identifier, as the tables have it."""
    amounts_cents: dict[str, Range] = field(default_factory=lambda: defaultdict(Range))
    sold_units: dict[tuple[str, str], Range] = field(default_factory=lambda: defaultdict(Range))
    """Units by (store, item)."""
    events: dict[EventName, bool] = field(default_factory=dict)
    """Every event that may be in a log; True: must be."""
    vouchers: set[str] = field(default_factory=set)
    redeemed_cents: dict[str, int] = field(default_factory=dict)
    perhaps_redeemed: set[str] = field(default_factory=set)
    checkouts_unknown: int = 0


def expect(entries: Iterable[Entry], known_as: Callable[[str], str] = str) -> Ledger:
    """The ledger of a journal. An event that was sent twice counts once; an answer heals an earlier unknown.

    `known_as` makes of an identifier what the tables behind the doors hold.
    """
    ledger = Ledger()
    sent: dict[EventName, Sent] = {}
    status: dict[EventName, str] = {}
    for entry in entries:
        match entry:
            case Sent():
                sent.setdefault((entry.source, entry.id), entry)
            case Answered():
                known = status.get((entry.source, entry.id))
                status[entry.source, entry.id] = "ok" if "ok" in (known, entry.status) else entry.status
            case CheckedOut():
                ledger.vouchers.update(entry.vouchers)
                ledger.checkouts_unknown += entry.status == "unknown"
            case Redeemed():
                _redeemed(ledger, entry)
    for name, event in sent.items():
        # No answer in the journal: the sender died; the event may be there or not.
        said = status.get(name, "unknown")
        if said != "fail":
            ledger.events[name] = said == "ok"
            _effects(ledger, event, known_as, certain=said == "ok")
    return ledger


def _redeemed(ledger: Ledger, entry: Redeemed) -> None:
    if entry.status == "ok":
        ledger.redeemed_cents[entry.voucher_id] = entry.given_cents
    elif entry.status == "unknown":
        ledger.perhaps_redeemed.add(entry.voucher_id)


def _effects(ledger: Ledger, event: Sent, known_as: Callable[[str], str], *, certain: bool) -> None:
    if event.customer is not None and event.type == SALE:
        identifier = known_as(event.customer)
        ledger.receipts[identifier].add(1, certain=certain)
        ledger.amounts_cents[identifier].add(event.amount_cents, certain=certain)
    for item_id, units in event.units.items():
        ledger.sold_units[event.store or "", item_id].add(Decimal(units), certain=certain)


@dataclass(slots=True)
class Difference:
    """How far one kind of effect is off: what is missing, what is too much, and where, for the first few."""

    kind: str
    lost: Amount = 0
    doubled: Amount = 0
    examples: list[str] = field(default_factory=list)

    def note(self, where: object, expected: object, actual: object, *, lost: Amount = 0, doubled: Amount = 0) -> None:
        """Count one place that is off."""
        self.lost += lost
        self.doubled += doubled
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{self.kind} of {where}: expected {expected}, found {actual}")


EXAMPLES = 5


def compare(kind: str, expected: Mapping[Key, Range], actual: Mapping[Key, Amount]) -> Difference:
    """Sum by sum: below the range is lost, above it doubled."""
    difference = Difference(kind)
    for key in expected.keys() | actual.keys():
        wanted, found = expected.get(key, Range()), actual.get(key, 0)
        lost, doubled = max(wanted.low - found, 0), max(found - wanted.high, 0)
        if lost or doubled:
            difference.note(key, f"{wanted.low}..{wanted.high}", found, lost=lost, doubled=doubled)
    return difference
