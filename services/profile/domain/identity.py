"""Facts about who is whom, and the id of a person; identity_rules.py makes persons of them, whatever order facts come in."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """Two identifiers (pseudonyms) that belong to one person, `first` < `second`."""

    first: str
    second: str


@dataclass(frozen=True, slots=True, order=True)
class LinkFact:
    """Someone said at a time that two identifiers are (or are not) one person; the latest fact of a pair says whether they are.

    Facts of the same moment are ordered by event id, so every order of arrival gives the same graph.
    """

    link: Link
    occurred_at_seconds: float
    event_id: str
    linked: bool


def link_of(one: str, other: str) -> Link:
    """The link between two identifiers, whichever is named first; raises ValueError for one identifier with itself."""
    if one == other:
        raise ValueError("an identifier is linked with itself")
    return Link(min(one, other), max(one, other))


FACTS_KEPT = 20


def since(facts: Iterable[LinkFact]) -> dict[Link, LinkFact]:
    """For each pair that is linked the fact since which it is, without a break: what is said again changes nothing."""
    kept: dict[Link, LinkFact] = {}
    for fact in sorted(facts):
        if fact.linked:
            kept.setdefault(fact.link, fact)
        else:
            kept.pop(fact.link, None)
    return kept


def remembered(facts: Iterable[LinkFact]) -> Sequence[LinkFact]:
    """The facts of one pair that can still matter, ascending: the last that took the link back, and those after it.

    Of these the first ones and the newest. Whatever comes later, `since` says the same of them as of all facts, unless a pair
    that was linked more than FACTS_KEPT times in a row learns late of a break before the last of these.
    """
    known = sorted(set(facts))
    broken = max((place for place, fact in enumerate(known) if not fact.linked), default=0)
    matter = known[broken:]
    return matter if len(matter) <= FACTS_KEPT else [*matter[: FACTS_KEPT - 1], matter[-1]]


def customer_id_of(person: Collection[str]) -> str:
    """The canonical customer id: the smallest identifier of the component, so that everyone computes the same one."""
    return min(person)
