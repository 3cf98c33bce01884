"""A POSLog's bytes as transactions, by a parser that follows nothing: called by the mapping, once for each body.

The parser is expat with the doors shut that defusedxml shuts: a document type, and with it every entity, is refused
where it begins, before anything is expanded; nothing outside the body is ever opened. Expat also says where each
transaction's bytes lie, so that a broken one can be kept as it came.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from libs.common.errors import InvalidInput, InvalidMessage, TooLarge, UsualError
from services.ingest.domain.poslog.tree import Node

_XINCLUDE = "http://www.w3.org/2001/XInclude"
_TRANSACTION = "Transaction"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DECLARED = re.compile(rb"""\A(?:\xef\xbb\xbf)?<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_AS_IT_IS = frozenset({"utf-8", "us-ascii", "ascii"})
_TO_UTF8 = frozenset({"utf-16", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252", "shift_jis", "euc-jp"})


class XmlForbidden(InvalidInput):
    """A document type, an entity or an inclusion: no till needs them."""

    slug = "xml-forbidden"


class InvalidXml(InvalidInput):
    """Not well-formed, or in an encoding that is not read."""

    slug = "invalid-xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlLimits:
    """What one body may hold. A transaction above its limits is broken, and its neighbours are not."""

    greatest_transactions: int = 1_000
    greatest_transaction_bytes: int = 256 * 1024
    greatest_depth: int = 32
    greatest_elements: int = 200_000


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """One transaction as it came; `fault` says why it has no tree."""

    node: Node
    raw: bytes
    fault: UsualError | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the transactions: the paths of elements, with counts, and all names, attributes, texts and remarks."""

    paths: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)


def read_transactions(body: bytes, limits: XmlLimits, take: Callable[[RawTransaction], None]) -> Around:
    """Hand each transaction to `take`, in order; returns what stands around them.

    Raises XmlForbidden, InvalidXml and TooLarge for the body as a whole.
    """
    reader = _Reader(_as_utf8(body), limits, take)
    try:
        reader.parser.Parse(reader.body, True)  # noqa: FBT003 - expat takes it by position
    except expat.ExpatError as error:
        raise InvalidXml(f"not well-formed at line {error.lineno}, column {error.offset}") from error
    finally:
        del reader.parser  # it and its handlers hold each other, and with them the body
    return reader.around


def _as_utf8(body: bytes) -> bytes:
    declared = _DECLARED.match(body)
    encoding = "utf-16" if body.startswith(_UTF16) else declared[1].decode().lower() if declared else "utf-8"
    if encoding in _AS_IT_IS:
        if b"\x00" in body:  # UTF-16 without its mark, which the parser would read though it was told otherwise
            raise InvalidXml("not in the encoding that it declares")
        return body
    if encoding not in _TO_UTF8:
        raise InvalidXml("send UTF-8; this encoding is not read")
    try:
        return body.decode(encoding).encode()
    except UnicodeError as error:
        raise InvalidXml("not in the encoding that it declares") from error


class _Reader:
    def __init__(self, body: bytes, limits: XmlLimits, take: Callable[[RawTransaction], None]) -> None:
        self.body = body
        self.around = Around()
        self._limits = limits
        self._take = take
        self._count = self._elements = 0
        self._path: list[str] = []
        self._open: list[Node] = []
        self._start = 0
        self._depth = 0
        self._namespace = ""
        self._fault: UsualError | None = None
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._on_start
        self.parser.EndElementHandler = self._on_end
        self.parser.CharacterDataHandler = self._on_text
        self.parser.CommentHandler = self._on_remark
        self.parser.ProcessingInstructionHandler = lambda name, text: self._on_remark(f"{name} {text}")
        self.parser.StartDoctypeDeclHandler = _refuse_document_type
        self.parser.EntityDeclHandler = _refuse_document_type
        self.parser.ExternalEntityRefHandler = _refuse_document_type

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        uri, _, local = name.rpartition(" ")
        self._elements += 1
        if self._elements > self._limits.greatest_elements:
            raise TooLarge(f"a POSLog may have {self._limits.greatest_elements} elements", slug="body-too-large")
        if uri == _XINCLUDE:
            raise XmlForbidden("inclusions are not followed")
        if self._depth:
            self._depth += 1
            self._add(self._name(uri, local), attributes)
        elif local == _TRANSACTION:
            self._begin(uri, attributes)
        else:
            self._path.append(local)
            self.around.texts.extend((local, *attributes, *attributes.values()))
            if len(self._path) > 1:
                self._note("/".join(self._path[:3]))

    def _begin(self, uri: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > self._limits.greatest_transactions:
            raise TooLarge(
                f"a POSLog may have {self._limits.greatest_transactions} transactions", slug="batch-too-large"
            )
        self._depth, self._namespace, self._start, self._fault = 1, uri, self.parser.CurrentByteIndex, None
        self._open = [Node(_TRANSACTION, self._attributes(attributes))]

    def _add(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth > self._limits.greatest_depth:
            self._break(InvalidMessage(f"elements may be {self._limits.greatest_depth} deep", slug="xml-too-deep"))
        self._check_size()
        if self._fault is None:
            node = Node(name, self._attributes(attributes))
            self._open[-1].children.append(node)
            self._open.append(node)

    def _on_text(self, text: str) -> None:
        if not self._depth:
            self.around.texts.append(text)
        elif self._has_room():
            self._open[-1].text += text

    def _on_remark(self, text: str) -> None:
        if not self._depth:
            self.around.texts.append(text)
        elif self._has_room():
            self._open[-1].remarks.append(text)

    def _has_room(self) -> bool:
        """Whether the transaction is still taken: what comes in many small pieces has an end too."""
        if self._fault is None:
            self._check_size()
        return self._fault is None

    def _on_end(self, _name: str) -> None:
        if not self._depth:
            self._path.pop()
            return
        self._depth -= 1
        if self._depth:
            if self._fault is None:
                self._open.pop()
            return
        self._check_size()
        raw = b"" if isinstance(self._fault, TooLarge) else self.body[self._start : self._end_of_transaction()]
        self._take(RawTransaction(self._open[0], raw, self._fault))
        self._open = []

    def _end_of_transaction(self) -> int:
        at = self.parser.CurrentByteIndex
        has_end_tag = self.body.startswith(b"</", at)
        return self.body.index(b">", at) + 1 if has_end_tag else at

    def _check_size(self) -> None:
        if self.parser.CurrentByteIndex - self._start > self._limits.greatest_transaction_bytes:
            limit = self._limits.greatest_transaction_bytes
            self._break(TooLarge(f"a transaction may have {limit} bytes", slug="event-too-large"))

    def _break(self, fault: UsualError) -> None:
        """Give this transaction up: its tree is let go, the rest of it is passed over."""
        self._fault = fault
        self._open = [Node(_TRANSACTION)]

    def _note(self, path: str) -> None:
        paths = self.around.paths
        if path in paths or len(paths) < self._limits.greatest_transactions:
            paths[path] += 1

    def _attributes(self, attributes: dict[str, str]) -> dict[str, str]:
        named = ((name.rpartition(" "), text) for name, text in attributes.items())
        return {self._name(uri or self._namespace, local): text for (uri, _, local), text in named}

    def _name(self, uri: str, local: str) -> str:
        return local if uri == self._namespace else f"{{{uri}}}{local}"


def _refuse_document_type(*_anything: object) -> int:
    raise XmlForbidden("a POSLog has no document type and no entities")
