"""The graph of identifiers: link facts in, components out; who a customer is follows from the set of facts, never from their order."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """Two identifiers (pseudonyms) that belong to one person, `first` < `second`."""

    first: str
    second: str


@dataclass(frozen=True, slots=True, order=True)
class LinkFact:
    """Someone said at a time that two identifiers are (or are not) one person; the latest fact of a pair counts.

    Facts of the same second are ordered by event id, so every order of arrival gives the same graph.
    """

    link: Link
    occurred_at_seconds: int
    event_id: str
    linked: bool


def link_of(one: str, other: str) -> Link:
    """The link between two identifiers, whichever is named first; raises ValueError for one identifier with itself."""
    if one == other:
        raise ValueError("an identifier is linked with itself")
    return Link(min(one, other), max(one, other))


def latest(facts: Iterable[LinkFact]) -> dict[Link, LinkFact]:
    """The fact that counts for each pair."""
    kept: dict[Link, LinkFact] = {}
    for fact in facts:
        mine = kept.get(fact.link)
        if mine is None or mine < fact:
            kept[fact.link] = fact
    return kept


def links(facts: Iterable[LinkFact]) -> frozenset[Link]:
    """The links that stand after all these facts."""
    return frozenset(link for link, fact in latest(facts).items() if fact.linked)


def component(identifier: str, standing: Collection[Link]) -> frozenset[str]:
    """All identifiers of the same person as `identifier`, itself included."""
    return _reachable(identifier, _neighbours(standing))


def components(identifiers: Iterable[str], standing: Collection[Link]) -> frozenset[frozenset[str]]:
    """The persons behind these identifiers."""
    neighbours = _neighbours(standing)
    found: set[frozenset[str]] = set()
    seen: set[str] = set()
    for identifier in identifiers:
        if identifier not in seen:
            person = _reachable(identifier, neighbours)
            seen |= person
            found.add(person)
    return frozenset(found)


def customer_id_of(person: Collection[str]) -> str:
    """The canonical customer id: the smallest identifier of the component, so that everyone computes the same one."""
    return min(person)


@dataclass(frozen=True, slots=True)
class Move:
    """An identifier whose customer id changed: its snapshot moves, an old id that nobody has any more gets a tombstone."""

    identifier: str
    old_customer_id: str
    new_customer_id: str


def moves(person_before: Collection[str], standing: Collection[Link]) -> list[Move]:
    """Who changes customer id when the links around these identifiers become `standing`; ordered by identifier."""
    old_id = customer_id_of(person_before)
    changed = (
        Move(identifier, old_id, customer_id_of(component(identifier, standing)))
        for identifier in sorted(person_before)
    )
    return [move for move in changed if move.old_customer_id != move.new_customer_id]


def _neighbours(standing: Collection[Link]) -> Mapping[str, list[str]]:
    neighbours: defaultdict[str, list[str]] = defaultdict(list)
    for link in standing:
        neighbours[link.first].append(link.second)
        neighbours[link.second].append(link.first)
    return neighbours


def _reachable(identifier: str, neighbours: Mapping[str, list[str]]) -> frozenset[str]:
    seen = {identifier}
    frontier = [identifier]
    while frontier:
        for other in neighbours.get(frontier.pop(), ()):
            if other not in seen:
                seen.add(other)
                frontier.append(other)
    return frozenset(seen)
