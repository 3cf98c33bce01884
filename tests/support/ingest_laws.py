"""The law of the front door, judged from the clients' journals and from what lies where when all is at rest. Pure.

Acknowledged means: in a topic. In a topic means: offered, and valid. A valid event has its effect once; an invalid one is
in quarantine once and nowhere else; what was refused for good is nowhere; a client that sends serially finds the
events of a key in its order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from libs.laptop.ledger import Range, compare
from tests.support.ingest_journal import Answered, Entry, Name, Offered

EXAMPLES = 3
Place = tuple[str, int, int]
"""(topic, partition, offset)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a facet counts."""

    receipts: int = 0
    amount_cents: int = 0
    contacts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies where."""

    records: Sequence[tuple[Place, Name]]
    quarantine: Mapping[str, Name | None]
    """By quarantine id what the event calls itself, None when it could not be read."""
    facets: Mapping[str, Effect]
    """By identifier as the databases have it."""

    @property
    def repeats(self) -> int:
        """Records beyond the first of their event: allowed on the wire."""
        return len(self.records) - len({name for _, name in self.records})


@dataclass(slots=True)
class Book:
    """All journals, read."""

    offered: dict[Name, Offered] = field(default_factory=dict)
    promised: set[Name] = field(default_factory=set)
    """In a topic, said the door."""
    kept_as: defaultdict[Name, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The quarantine ids that were answered."""
    settled: set[Name] = field(default_factory=set)
    in_order: list[list[Offered]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def add(self, entries: Iterable[Entry]) -> None:
        """Read one client's journal."""
        mine: list[Offered] = []
        for entry in entries:
            if isinstance(entry, Offered):
                self.offered[entry.name] = entry
                mine.append(entry)
            else:
                self._note(entry)
        self.in_order.append(mine)

    def _note(self, answer: Answered) -> None:
        self.answers[answer.status] += 1
        if answer.in_topic:
            self.promised.add(answer.name)
        if answer.quarantine_id is not None:
            self.kept_as[answer.name].add(answer.quarantine_id)
        if answer.final:
            self.settled.add(answer.name)

    @property
    def valid(self) -> set[Name]:
        """What must have an effect."""
        return {name for name, event in self.offered.items() if event.fault is None}


def read_book(journals: Iterable[Iterable[Entry]]) -> Book:
    """All journals together."""
    book = Book()
    for entries in journals:
        book.add(entries)
    return book


def broken_laws(journals: Iterable[Iterable[Entry]], found: Found, known_as: Callable[[str], str]) -> list[str]:
    """Every law that does not hold, with examples; none when all is well. `known_as` makes of an identifier what tables hold."""
    book = read_book(journals)
    there = {name for _, name in found.records}
    broken: list[str] = []
    _note(broken, "never settled", book.offered.keys() - book.settled)
    _note(broken, "acknowledged, not in a topic", book.promised - there)
    _note(broken, "in a topic, never offered", there - book.offered.keys())
    _note(broken, "in a topic although invalid", {name for name in there - book.valid if name in book.offered})
    broken += _effects(book, found, known_as)
    broken += _quarantine(book, found)
    broken += _order(book, found)
    return broken


def _note(broken: list[str], law: str, places: Iterable[object]) -> None:
    if listed := sorted(map(str, places)):
        broken.append(f"{law}: {len(listed)}, e.g. {listed[:EXAMPLES]}")


def _effects(book: Book, found: Found, known_as: Callable[[str], str]) -> list[str]:
    """Sum by sum over each identifier."""
    wanted: dict[str, dict[str, Range]] = {
        what: defaultdict(Range) for what in ("receipts", "amount_cents", "contacts")
    }
    for name in book.valid:
        event = book.offered[name]
        if event.customer is not None:
            certain, whose = name in book.promised, known_as(event.customer)
            wanted["receipts"][whose].add(event.receipts, certain=certain)
            wanted["amount_cents"][whose].add(event.amount_cents, certain=certain)
            wanted["contacts"][whose].add(1, certain=certain)
    differences = [
        compare(what, sums, {whose: getattr(effect, what) for whose, effect in found.facets.items()})
        for what, sums in wanted.items()
    ]
    return [
        f"{difference.kind}: {difference.lost} lost, {difference.doubled} too many, e.g. {difference.examples[:EXAMPLES]}"
        for difference in differences
        if difference.lost or difference.doubled
    ]


def _quarantine(book: Book, found: Found) -> list[str]:
    broken: list[str] = []
    kept = {name: ids for name, ids in book.kept_as.items() if ids}
    _note(
        broken, "one invalid event under several quarantine ids", (name for name, ids in kept.items() if len(ids) > 1)
    )
    told = set().union(*kept.values())
    _note(broken, "in quarantine, said the door, and it is not", told - found.quarantine.keys())
    _note(broken, "in quarantine, and nobody was told", found.quarantine.keys() - told)
    rows = Counter(name for name in found.quarantine.values() if name is not None)
    _note(broken, "in quarantine more than once", (name for name, count in rows.items() if count > 1))
    _note(broken, "in quarantine although valid", (kept.keys() | rows.keys()) & book.valid)
    return broken


def _order(book: Book, found: Found) -> list[str]:
    """The first record of each event, by key, in the order in which its client offered them."""
    first: dict[Name, Place] = {}
    for place, name in sorted(found.records):
        first.setdefault(name, place)
    astray = []
    for events in book.in_order:
        last: dict[tuple[str, str], Place] = {}
        for event in events:
            if event.name not in first or event.customer is None:
                continue
            place = first[event.name]
            before = last.get((event.customer, place[0]), place)
            if place[:2] != before[:2] or place < before:
                astray.append(event.name)
            last[event.customer, place[0]] = place
    broken: list[str] = []
    _note(broken, "of one key, out of order", astray)
    return broken
