"""EDIFACT's syntax through pydifact: interchanges written and read with every count and reference checked.

pydifact's tokenizer and serializer are used, not its interchange classes: those look for `UNA` anywhere in the text and forget
what stands before it, and check no counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydifact.control.characters import Characters
from pydifact.exceptions import EDISyntaxError
from pydifact.parser import Parser, TokenIterator
from pydifact.segments import Segment as PydifactSegment
from pydifact.serializer import Serializer
from pydifact.tokenizer import Tokenizer

from services.inventory.domain.edi.documents import EdiInvalid, EdiUnsayable, Party, whole_number

CODECS: Mapping[str, str] = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOW": "utf-8",
}
"""Character sets by the name in UNB."""
_UNOA = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/='+:?!\"%&*;<>")
_UTF8_VERSION = "4"
_VERSION = "3"
_SEGMENT_TAG_LENGTH = 3
_SERVICE_CHARACTERS = 6
_SERVICE_STRING = "UNA:+.? '"
"""What is in force where nothing else is stated."""
_MOST_SEGMENTS = 50_000
_ENVELOPE = frozenset({"UNB", "UNZ", "UNG", "UNE"})

Element: TypeAlias = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Segment:
    """A tag and its elements; each a tuple of components."""

    tag: str
    elements: tuple[tuple[str, ...], ...]

    def at(self, element: int, component: int = 0) -> str:
        """A component, empty where the segment has none there."""
        if element >= len(self.elements) or component >= len(self.elements[element]):
            return ""
        return self.elements[element][component]


@dataclass(frozen=True, slots=True)
class Message:
    """What stands between UNH and UNT."""

    reference: str
    kind: str
    segments: tuple[Segment, ...]
    identifier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interchange:
    """What stands between UNB and UNZ."""

    sender: Party
    recipient: Party
    control_reference: str
    messages: tuple[Message, ...]
    decimal_mark: str = "."
    is_test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What UNB says."""

    sender: Party
    recipient: Party
    control_reference: str
    date: str
    """CCYYMMDD"""
    time: str
    character_set: str
    is_test: bool = False


def segment(tag: str, *elements: Element) -> Segment:
    """A segment of plain elements and composites; what is empty at its ends is left out.

    >>> segment("BGM", "220", "", ["a", ""], "")
    Segment(tag='BGM', elements=(('220',), ('',), ('a',)))
    """
    cut = [_trimmed((each,) if isinstance(each, str) else tuple(each)) for each in elements]
    while cut and cut[-1] == ("",):
        cut.pop()
    return Segment(tag, tuple(cut))


def write(header: Header, messages: Sequence[Message]) -> bytes:
    """The interchange; raises EdiUnsayable for text that the character set does not hold."""
    is_utf8 = header.character_set == "UNOW"
    lines = [
        segment(
            "UNB",
            [header.character_set, _UTF8_VERSION if is_utf8 else _VERSION],
            [header.sender.id, header.sender.qualifier],
            [header.recipient.id, header.recipient.qualifier],
            [header.date if is_utf8 else header.date[2:], header.time],
            header.control_reference,
            *(["", "", "", "", "", "1"] if header.is_test else []),
        )
    ]
    for message in messages:
        lines.append(segment("UNH", message.reference, message.identifier))
        lines.extend(message.segments)
        lines.append(segment("UNT", str(len(message.segments) + 2), message.reference))
    lines.append(segment("UNZ", str(len(messages)), header.control_reference))
    characters = Characters.from_str(_SERVICE_STRING)
    text = Serializer(characters).serialize([_outgoing(line) for line in lines], with_una_header=True)
    return _encoded(text, header.character_set)


def read(raw: bytes) -> Interchange:
    """The interchange; raises EdiInvalid for anything that is not one, whole and counted right."""
    text, characters = _decoded(raw)
    lines = list(_segments(text, characters))
    if len(lines) < 2 or lines[0].tag != "UNB" or lines[-1].tag != "UNZ":  # noqa: PLR2004 - head and end
        raise EdiInvalid("an interchange begins with UNB and ends with UNZ")
    head, end = lines[0], lines[-1]
    messages = tuple(_messages(lines[1:-1]))
    if head.at(4) == "" or head.at(4) != end.at(1):
        raise EdiInvalid(f"UNB and UNZ differ in their control reference: {head.at(4)[:20]!r}, {end.at(1)[:20]!r}")
    if whole_number(end.at(0)) != len(messages):
        raise EdiInvalid(f"UNZ counts {end.at(0)[:10]!r} messages, there are {len(messages)}")
    return Interchange(
        sender=Party(head.at(1), head.at(1, 1)),
        recipient=Party(head.at(2), head.at(2, 1)),
        control_reference=head.at(4),
        messages=messages,
        decimal_mark=characters.decimal_point,
        is_test=head.at(10) == "1",
    )


def _decoded(raw: bytes) -> tuple[str, Characters]:
    """The text behind UNA in the character set that UNB names, with the service characters that are in force."""
    plain = raw.decode("latin-1").lstrip("\r\n ")
    characters = Characters.from_str(_SERVICE_STRING)
    if plain.startswith("UNA"):
        stated = plain[3 : 3 + _SERVICE_CHARACTERS]
        if len(set(stated) - {" "}) < 5 or any(each.isalnum() or ord(each) < 32 for each in stated):  # noqa: PLR2004 - 5 must differ
            raise EdiInvalid("UNA does not state six service characters")
        characters = Characters.from_str("UNA" + stated)
        plain = plain[3 + _SERVICE_CHARACTERS :].lstrip("\r\n")
    name = plain[4:8]
    if not plain.startswith("UNB" + characters.data_separator) or name not in CODECS:
        raise EdiInvalid(f"no UNB with a character set that is read: {plain[:8]!r}")
    try:
        text = plain.encode("latin-1").decode(CODECS[name])
    except UnicodeDecodeError as error:
        raise EdiInvalid(f"bytes that {name} does not know at {error.start}") from error
    if not text.rstrip("\r\n ").endswith(characters.segment_terminator):
        raise EdiInvalid("the interchange is cut off: no segment terminator at its end")
    return text.rstrip("\r\n "), characters


def _segments(text: str, characters: Characters) -> Iterator[Segment]:
    """Tokenized by pydifact, its errors as ours."""
    tokens = TokenIterator(Tokenizer().get_tokens(text, characters))
    try:
        for count, raw in enumerate(Parser().convert_tokens_to_raw_segments(tokens)):
            if count >= _MOST_SEGMENTS:
                raise EdiInvalid(f"more than {_MOST_SEGMENTS} segments")
            yield _incoming(raw)
    except (EDISyntaxError, ValueError, IndexError, TypeError, AssertionError) as error:
        raise EdiInvalid(f"not EDIFACT: {str(error)[:100]}") from error


def _incoming(raw: Sequence[Element]) -> Segment:
    tag, *elements = [(each,) if isinstance(each, str) else tuple(each) for each in raw]
    if len(tag) != 1 or len(tag[0]) != _SEGMENT_TAG_LENGTH or not (tag[0].isascii() and tag[0].isalnum()):
        raise EdiInvalid(f"not a segment: {str(tag[0])[:10]!r}")
    for component in (component for element in elements for component in element):
        if any(ord(each) < 32 for each in component):  # noqa: PLR2004 - control characters
            raise EdiInvalid(f"a control character in {tag[0]}")
    return Segment(tag[0], tuple(elements))


def _messages(lines: Sequence[Segment]) -> Iterator[Message]:
    inside: list[Segment] = []
    for line in lines:
        if line.tag in _ENVELOPE:
            raise EdiInvalid(f"{line.tag} in the midst of an interchange")
        if (line.tag == "UNH") == bool(inside):
            raise EdiInvalid(f"{line.tag} where no message {'ends' if inside else 'begins'}")
        inside.append(line)
        if line.tag == "UNT":
            yield _message(inside)
            inside = []
    if inside:
        raise EdiInvalid("the last message has no end")


def _message(lines: Sequence[Segment]) -> Message:
    head, end = lines[0], lines[-1]
    if head.at(0) == "" or head.at(0) != end.at(1):
        raise EdiInvalid(f"UNH and UNT differ in their reference: {head.at(0)[:14]!r}, {end.at(1)[:14]!r}")
    if whole_number(end.at(0)) != len(lines):
        raise EdiInvalid(f"UNT counts {end.at(0)[:10]!r} segments, there are {len(lines)}")
    identifier = head.elements[1] if len(head.elements) > 1 else ()
    return Message(head.at(0), head.at(1), tuple(lines[1:-1]), identifier)


def _outgoing(line: Segment) -> PydifactSegment:
    return PydifactSegment(line.tag, *(list(each) if len(each) > 1 else each[0] for each in line.elements))


def _encoded(text: str, character_set: str) -> bytes:
    allowed = _UNOA if character_set == "UNOA" else None
    strange = sorted({each for each in text if ord(each) < 32 or (allowed is not None and each not in allowed)})  # noqa: PLR2004
    if strange:
        raise EdiUnsayable(f"{character_set} has no {', '.join(map(repr, strange[:5]))}")
    try:
        return text.encode(CODECS[character_set])
    except UnicodeEncodeError as error:
        raise EdiUnsayable(f"{character_set} has no {text[error.start]!r}") from error


def _trimmed(components: tuple[str, ...]) -> tuple[str, ...]:
    cut = list(components) or [""]
    while len(cut) > 1 and cut[-1] == "":
        cut.pop()
    return tuple(cut)
