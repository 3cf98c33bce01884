"""How items are tied to each other: what is refused, and which items must be closed together; used by the handlers and the close."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Tie(StrEnum):
    """What a link says of its item."""

    SUPERSEDES = "supersedes"
    SUBSTITUTES = "substitutes"
    LOOKS_LIKE = "looks_like"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLink:
    """One link as it is in force."""

    link_id: str
    tie: Tie
    item_id: str
    other_ids: tuple[str, ...]
    first_day: int | None = None
    ratio: float | None = None
    handed_day: int | None = None
    """The close in which the demand of a superseded item was handed over; None while it was not."""
    served: float = 0.0
    """Of substitutes: units sold more while one of them was empty, and `missed` what that one would have sold; both weighted."""
    missed: float = 0.0

    @property
    def item_ids(self) -> tuple[str, ...]:
        """All that it names."""
        return (self.item_id, *self.other_ids)


def refusal_of(link: ItemLink, known: Iterable[ItemLink]) -> str | None:
    """Why `link` cannot stand beside the links in force (one with its own id is replaced by it); None where it can.

    >>> old = ItemLink(link_id="1", tie=Tie.SUPERSEDES, item_id="b", other_ids=("a",))
    >>> refusal_of(ItemLink(link_id="2", tie=Tie.SUPERSEDES, item_id="a", other_ids=("b",)), [old])
    'a would in the end supersede itself: a, b'
    """
    beside = [one for one in known if one.link_id != link.link_id and one.tie is link.tie]
    if link.tie is Tie.SUPERSEDES:
        return _refused_supersession(link, beside)
    if link.tie is Tie.LOOKS_LIKE:
        return _refused_look(link, beside)
    for one in beside:
        both = sorted(set(one.item_ids) & set(link.item_ids))
        if both:
            return f"{both[0]} is in another set of substitutes: {one.link_id}"
    return None


def _refused_supersession(link: ItemLink, beside: Sequence[ItemLink]) -> str | None:
    old = link.other_ids[0]
    for one in beside:
        if one.other_ids[0] == old:
            return f"{old} is superseded by {one.item_id} already: {one.link_id}"
        if one.item_id == link.item_id:
            return f"{link.item_id} supersedes {one.other_ids[0]} already: {one.link_id}"
    follower = {one.other_ids[0]: one.item_id for one in beside}
    path = [link.item_id]
    while path[-1] in follower:
        path.append(follower[path[-1]])
        if path[-1] == old:
            return f"{link.item_id} would in the end supersede itself: {', '.join(path)}"
    return None


def _refused_look(link: ItemLink, beside: Sequence[ItemLink]) -> str | None:
    looks = {one.item_id: one for one in beside}
    if link.item_id in looks:
        return f"{link.item_id} looks like other items already: {looks[link.item_id].link_id}"
    reached, todo = set[str](), list(link.other_ids)
    while todo:
        one = todo.pop()
        if one == link.item_id:
            return f"{link.item_id} would in the end look like itself"
        if one in looks and one not in reached:
            todo.extend(looks[one].other_ids)
        reached.add(one)
    return None


@dataclass(frozen=True, slots=True)
class ClosingLinks:
    """The links that a day is closed with. Items that they tie are closed in one batch: each family follows its first item."""

    links: Sequence[ItemLink] = ()
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By its first item the others of a family, sorted."""

    @classmethod
    def of(cls, links: Sequence[ItemLink], listed: Collection[str]) -> "ClosingLinks":
        """The families of those items that are closed at all."""
        family: dict[str, set[str]] = {}
        for link in links:
            tied = {item_id for item_id in link.item_ids if item_id in listed}
            whole = tied.union(*(family.get(item_id, ()) for item_id in tied))
            family.update(dict.fromkeys(whole, whole))
        return cls(links, {members[0]: members[1:] for members in map(sorted, family.values()) if len(members) > 1})

    def __bool__(self) -> bool:
        return bool(self.links)

    @property
    def followers(self) -> Sequence[str]:
        """Items that are claimed with the first of their family, never by themselves."""
        return sorted(item_id for others in self.families.values() for item_id in others)

    def with_families(self, item_ids: Iterable[str]) -> Sequence[str]:
        """The followers of these items."""
        return sorted(one for item_id in item_ids for one in self.families.get(item_id, ()))

    def handed(self, day: int) -> Sequence[ItemLink]:
        """Supersessions whose demand has been, or is with the close of `day`, handed over: orders of the day after are for the new item."""
        return [
            link
            for link in self.links
            if link.tie is Tie.SUPERSEDES and link.first_day is not None and link.first_day <= day + 1
        ]

    def tied(self, tie: Tie) -> Sequence[ItemLink]:
        """Those of a kind."""
        return [link for link in self.links if link.tie is tie]


NO_LINKS = ClosingLinks()
