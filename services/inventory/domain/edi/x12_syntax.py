"""X12's syntax: interchanges written and read with every length, count and control number checked (004010)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.inventory.domain.edi.documents import EdiInvalid, EdiUnsayable, Party, whole_number

ELEMENT, COMPONENT, END = "*", ">", "~"
"""What we write with; what comes in names its own."""
_VERSION = "00401"
RELEASE = "004010"
_ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_ISA_LENGTH = 106
_MOST_SEGMENTS = 50_000
_CONTROL_DIGITS = 9
_ENVELOPE = frozenset({"ISA", "IEA", "GS", "GE"})


@dataclass(frozen=True, slots=True)
class Segment:
    """A tag and its elements."""

    tag: str
    elements: tuple[str, ...]

    def at(self, place: int) -> str:
        """The element of that number, as the standard counts them (the first is 1); empty where there is none."""
        return self.elements[place - 1] if 0 < place <= len(self.elements) else ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What stands between ST and SE."""

    kind: str
    control_number: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between GS and GE: transactions of one kind."""

    kind: str
    control_number: str
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class Interchange:
    """What stands between ISA and IEA."""

    sender: Party
    recipient: Party
    control_number: str
    groups: tuple[Group, ...]
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What ISA and GS say. `date` is CCYYMMDD, `time` HHMM."""

    sender: Party
    recipient: Party
    control_number: int
    date: str
    time: str
    group_kind: str
    is_test: bool = False


def is_name(party: Party) -> bool:
    """Whether ISA has room for a party's id and qualifier, and neither has a delimiter in it."""
    is_plain = all(" " <= each <= "~" and each not in (ELEMENT, COMPONENT, END) for each in party.id + party.qualifier)
    return is_plain and len(party.id) <= _ISA_WIDTHS[5] and len(party.qualifier) <= _ISA_WIDTHS[4]


def segment(tag: str, *elements: str) -> Segment:
    """A segment; what is empty at its end is left out.

    >>> segment("BEG", "00", "", "7", "")
    Segment(tag='BEG', elements=('00', '', '7'))
    """
    cut = list(elements)
    while cut and cut[-1] == "":
        cut.pop()
    return Segment(tag, tuple(cut))


def write(header: Header, transactions: Sequence[Transaction]) -> bytes:
    """One interchange with one group; raises EdiUnsayable for text with a delimiter or beyond ASCII in it: X12 has no release character."""
    number = f"{header.control_number:0{_CONTROL_DIGITS}d}"
    lines = [
        _isa(header, number),
        segment(
            *("GS", header.group_kind, header.sender.id, header.recipient.id, header.date, header.time),
            *(str(header.control_number), "X", RELEASE),
        ),
    ]
    for each in transactions:
        lines.append(segment("ST", each.kind, each.control_number))
        lines.extend(each.segments)
        lines.append(segment("SE", str(len(each.segments) + 2), each.control_number))
    lines.append(segment("GE", str(len(transactions)), str(header.control_number)))
    lines.append(segment("IEA", "1", number))
    return "".join(_line(line) for line in lines).encode("ascii")


def read(raw: bytes) -> Interchange:
    """The interchange; raises EdiInvalid for anything that is not one, whole and counted right."""
    try:
        text = raw.decode("ascii").lstrip("\r\n ")
    except UnicodeDecodeError as error:
        raise EdiInvalid(f"a byte beyond ASCII at {error.start}") from error
    element, end = _delimiters(text)
    text = text.rstrip("\r\n ") + (end if end in "\r\n" else "")
    lines = list(_segments(text, element, end))
    head, last = lines[0], lines[-1]
    if last.tag != "IEA" or last.at(2) != head.at(13):
        raise EdiInvalid("ISA and IEA differ in their control number, or IEA is missing")
    groups = tuple(_groups(lines[1:-1]))
    _counted("IEA", last.at(1), len(groups), "groups")
    return Interchange(
        sender=Party(head.at(6).strip(), head.at(5).strip()),
        recipient=Party(head.at(8).strip(), head.at(7).strip()),
        control_number=head.at(13),
        groups=groups,
        is_test=head.at(15) == "T",
    )


def _isa(header: Header, number: str) -> Segment:
    values = (
        *("00", "", "00", "", header.sender.qualifier or "ZZ", header.sender.id, header.recipient.qualifier or "ZZ"),
        *(header.recipient.id, header.date[2:], header.time, "U", _VERSION, number, "0"),
        *("T" if header.is_test else "P", COMPONENT),
    )
    for value, width in zip(values, _ISA_WIDTHS, strict=True):
        if len(value) > width:
            raise EdiUnsayable(f"ISA has {width} characters for {value[:20]!r}")
    return Segment("ISA", tuple(value.ljust(width) for value, width in zip(values, _ISA_WIDTHS, strict=True)))


def _line(line: Segment) -> str:
    for place, value in enumerate(line.elements, 1):
        allowed = line.tag == "ISA" and value == COMPONENT
        if not allowed and any(each in (ELEMENT, COMPONENT, END) or not " " <= each <= "~" for each in value):
            raise EdiUnsayable(f"{line.tag}{place:02d} cannot say {value[:30]!r}: X12 has no release character")
    return ELEMENT.join((line.tag, *line.elements)) + END


def _delimiters(text: str) -> tuple[str, str]:
    """What separates elements and ends segments, as ISA's fixed places show it."""
    if len(text) < _ISA_LENGTH or not text.startswith("ISA"):
        raise EdiInvalid("an interchange begins with ISA, 106 characters long")
    element, component, end = text[3], text[104], text[105]
    if len({element, component, end}) < 3 or any(each.isalnum() or each == " " for each in (element, component, end)):  # noqa: PLR2004 - three must differ
        raise EdiInvalid("ISA does not name three delimiters")
    place = 3
    for width in _ISA_WIDTHS:
        if text[place] != element:
            raise EdiInvalid("ISA's elements do not stand at their places")
        place += width + 1
    return element, end


def _segments(text: str, element: str, end: str) -> Iterator[Segment]:
    if not text.endswith(end):
        raise EdiInvalid("the interchange is cut off: no segment terminator at its end")
    pieces = text[: -len(end)].split(end)
    if len(pieces) > _MOST_SEGMENTS:
        raise EdiInvalid(f"more than {_MOST_SEGMENTS} segments")
    for piece in pieces:
        tag, *elements = piece.strip("\r\n").split(element)
        if not (2 <= len(tag) <= 3 and tag.isalnum()):  # noqa: PLR2004 - tags have two or three characters
            raise EdiInvalid(f"not a segment: {tag[:10]!r}")
        if any(not " " <= each <= "~" for value in elements for each in value):
            raise EdiInvalid(f"a control character in {tag}")
        yield Segment(tag, tuple(elements))


def _groups(lines: Sequence[Segment]) -> Iterator[Group]:
    for inside in _between(lines, "GS", "GE"):
        head, last = inside[0], inside[-1]
        if head.at(6) == "" or head.at(6) != last.at(2):
            raise EdiInvalid(f"GS and GE differ in their control number: {head.at(6)[:9]!r}, {last.at(2)[:9]!r}")
        transactions = tuple(_transactions(inside[1:-1]))
        _counted("GE", last.at(1), len(transactions), "transactions")
        yield Group(head.at(1), head.at(6), transactions)


def _transactions(lines: Sequence[Segment]) -> Iterator[Transaction]:
    for inside in _between(lines, "ST", "SE"):
        head, last = inside[0], inside[-1]
        if head.at(2) == "" or head.at(2) != last.at(2):
            raise EdiInvalid(f"ST and SE differ in their control number: {head.at(2)[:9]!r}, {last.at(2)[:9]!r}")
        _counted("SE", last.at(1), len(inside), "segments")
        yield Transaction(head.at(1), head.at(2), tuple(inside[1:-1]))


def _between(lines: Sequence[Segment], begin: str, end: str) -> Iterator[list[Segment]]:
    """The stretches from `begin` to `end`; nothing may stand outside of one, and none within another."""
    inside: list[Segment] = []
    for line in lines:
        if (line.tag == begin) == bool(inside) or (
            line.tag in _ENVELOPE and line.tag not in {begin, end} and begin == "ST"
        ):
            raise EdiInvalid(f"{line.tag} out of place")
        inside.append(line)
        if line.tag == end:
            yield inside
            inside = []
    if inside:
        raise EdiInvalid(f"no {end} to the last {begin}")


def _counted(tag: str, stated: str, found: int, what: str) -> None:
    if whole_number(stated) != found:
        raise EdiInvalid(f"{tag} counts {stated[:9]!r} {what}, there are {found}")
