"""Facts about who is whom, and the id of a person; identity_rules.py makes persons of them, whatever order facts come in."""

from collections.abc import Collection, Iterable
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


def customer_id_of(person: Collection[str]) -> str:
    """The canonical customer id: the smallest identifier of the component, so that everyone computes the same one."""
    return min(person)
