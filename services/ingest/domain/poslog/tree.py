"""One transaction's elements, and which of them were read: what a mapping never asked for can be told to the sender."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TRUE = frozenset({"true", "1"})


@dataclass(slots=True, eq=False)
class Node:
    """An element. Names are local in the transaction's own namespace, `{uri}local` in any other.

    >>> node = Node("Sale", {"ItemType": "Stock"}, [Node("ItemID", {}, [], "7"), Node("Colour", {}, [], "red")])
    >>> node.text_of("ItemID")
    '7'
    >>> list(node.unread("Sale"))
    ['Sale/@ItemType', 'Sale/Colour']
    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    text: str = ""
    remarks: list[str] = field(default_factory=list)
    """Comments and processing instructions: read by nobody, but kept where the bytes are kept."""
    was_read: bool = False
    _whole: bool = False
    _read_attributes: set[str] = field(default_factory=set)

    def child(self, *names: str) -> "Node | None":
        """The first child with the first of these names that there is; it counts as read."""
        for name in names:
            for child in self.children:
                if child.name == name:
                    child.was_read = True
                    return child
        return None

    def each(self, *names: str) -> list["Node"]:
        """All children with one of these names, in order; they count as read."""
        found = [child for child in self.children if child.name in names]
        for child in found:
            child.was_read = True
        return found

    def text_of(self, *names: str) -> str | None:
        """The text of the first child with one of these names, None when there is none or it is empty."""
        found = self.child(*names)
        return (found.text.strip() or None) if found else None

    def attribute(self, *names: str) -> str | None:
        """The first of these attributes that there is."""
        for name in names:
            if name in self.attributes:
                self._read_attributes.add(name)
                return self.attributes[name].strip()
        return None

    def flag(self, *names: str) -> bool:
        """Whether the first of these attributes that there is says yes."""
        return (self.attribute(*names) or "").lower() in _TRUE

    def find(self, *names: str) -> "Node | None":
        """The first element below with one of these names, at any depth; the way to it counts as read."""
        for child in self.children:
            found = child if child.name in names else child.find(*names)
            if found is not None:
                child.was_read = True
                return found
        return None

    def skip(self) -> None:
        """Count this element and all below as read: it is known, and known to say nothing that an event carries."""
        self.was_read = self._whole = True

    def unread(self, path: str) -> Iterator[str]:
        """The paths of attributes and elements that nobody read; below an unread element nothing more is listed."""
        if self._whole:
            return
        for name in self.attributes:
            if name not in self._read_attributes:
                yield f"{path}/@{name}"
        for child in self.children:
            below = f"{path}/{child.name}"
            if child.was_read:
                yield from child.unread(below)
            else:
                yield below

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text, attribute, name and remark here and below, each with the name of the element or attribute that it is of."""
        yield from self.attributes.items()
        yield from (("", told) for told in (self.name, *self.attributes, *self.remarks))
        yield self.name, self.text
        for child in self.children:
            yield from child.texts()
