"""What no client of the front door should send, and some will: hostile bodies for its JSON and XML doors, from a seed. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Event = Mapping[str, Any]
_MARK = "@@"

SNIPPETS: Mapping[str, bytes] = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "a float beyond floats": b"1e400",
    "a very small float": b"1e-400",
    "a huge integer": b"9" * 5_000,
    "a huge negative decimal": b"-" + b"9" * 400 + b".5",
    "minus nothing": b"-0",
    "a lone surrogate": rb'"\ud800"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "an escaped NUL": rb'"a\u0000b"',
    "a raw NUL": b'"a\x00b"',
    "invalid UTF-8": b'"\xff\xfe"',
    "an overlong form": b'"\xc0\xaf"',
    "deep arrays": b"[" * 20_000 + b"]" * 20_000,
    "deep objects": b'{"a":' * 8_000 + b"1" + b"}" * 8_000,
    "a member twice": b'{"kind":"app","kind":"loyalty_card","value":"1","value":"2"}',
    "an unclosed text": b'"abc',
    "null": b"null",
    "a list": b"[]",
    "a bidirectional text": '"\u202e\u2066\ufeff\uffff"'.encode(),
    "a long text": b'"' + b"x" * 60_000 + b'"',
}
"""JSON, or nearly, to stand in the place of a member."""

PLACES = (
    *(("id",), ("source",), ("type",), ("time",), ("specversion",), ("subject",), ("extension",), ("data",)),
    *(("data", "total_cents"), ("data", "customer"), ("data", "customer", "value"), ("data", "lines")),
    *(("data", "lines", 0, "quantity"), ("data", "lines", 0, "line_no"), ("data", "note")),
)

WHOLE: Mapping[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "white space": lambda: b" \r\n\t",
    "null": lambda: b"null",
    "a number": lambda: b"0",
    "a text": lambda: b'"x"',
    "no members": lambda: b"{}",
    "no events": lambda: b"[]",
    "no event": lambda: b"[null]",
    "a batch in a batch": lambda: b"[[]]",
    "invalid UTF-8": lambda: b"\xff\xfe\xfd",
    "100 000 arrays deep": lambda: b"[" * 100_000,
    "1 000 000 arrays deep": lambda: b"[" * 1_000_000 + b"]" * 1_000_000,
    "100 000 objects deep": lambda: b'{"a":' * 100_000,
    "300 000 nothings": lambda: b"[" + b"{}," * 300_000 + b"{}]",
    "1 001 events": lambda: b"[" + b"1," * 1_000 + b"1]",
    "3 MB of text": lambda: b'{"id":"' + b"x" * 3_000_000 + b'"}',
    "10 MB": lambda: b'{"id":"' + b"x" * 10_000_000 + b'"}',
}

_ENTITIES = b"".join(b'<!ENTITY e%d "%s">' % (step, b"&e%d;" % (step - 1) * 10) for step in range(1, 10))
XML: Mapping[str, Callable[[], bytes]] = {
    "entities that grow": lambda: b'<!DOCTYPE p [<!ENTITY e0 "ha">' + _ENTITIES + b"]><p>&e9;</p>",
    "a file of ours": lambda: b'<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]><p>&f;</p>',
    "somebody's address": lambda: b'<!DOCTYPE p SYSTEM "http://127.0.0.1:1/x.dtd"><p/>',
    "an inclusion": lambda: b'<p xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd"/></p>',
    "200 000 elements deep": lambda: b"<a>" * 200_000,
    "many attributes": lambda: b"<p " + b" ".join(b'a%d="1"' % n for n in range(50_000)) + b"/>",
    "a long name": lambda: b"<" + b"p" * 1_000_000 + b"/>",
    "another encoding": lambda: b'<?xml version="1.0" encoding="UTF-7"?><p/>',
    "an unknown encoding": lambda: b'<?xml version="1.0" encoding="klingon"?><p/>',
    "a NUL": lambda: b"<p>\x00</p>",
    "processing instructions": lambda: b"<?php x?>" * 10_000 + b"<p/>",
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """One body, and what is wrong with it."""

    what: str
    body: bytes


def hostile_json(
    event: Event,
    wrap: Callable[[bytes], bytes],
    random: Random,
    *,
    mutants: int,
    places: Sequence[tuple[str | int, ...]] = PLACES,
) -> Iterator[Hostile]:
    """Bodies around one valid event; `wrap` makes of an event's JSON what the door takes."""
    for what, make in WHOLE.items():
        yield Hostile(what, make())
    for place in places:
        marked = json.dumps(_with(event, place)).encode()
        for what, snippet in SNIPPETS.items():
            body = wrap(marked.replace(f'"{_MARK}"'.encode(), snippet))
            yield Hostile(f"{what} at {'/'.join(map(str, place))}", body)
    yield from _encodings(wrap(json.dumps(event).encode()))
    yield from _mutants(wrap(json.dumps(event).encode()), random, mutants)


def hostile_xml(document: bytes, random: Random, *, mutants: int) -> Iterator[Hostile]:
    """Bodies around one valid document."""
    for what, make in [*WHOLE.items(), *XML.items()]:
        yield Hostile(what, make())
    yield from _encodings(document)
    yield from _mutants(document, random, mutants)


def _with(event: Event, place: tuple[str | int, ...]) -> Event:
    marked: Any = json.loads(json.dumps(event))
    inner = marked
    for step in place[:-1]:
        inner = inner[step] if isinstance(step, int) else inner.setdefault(step, {})
    inner[place[-1]] = _MARK
    return marked  # type: ignore[no-any-return]  # a JSON object as it went in


def _encodings(body: bytes) -> Iterator[Hostile]:
    text = body.decode()
    yield Hostile("a byte order mark", b"\xef\xbb\xbf" + body)
    yield Hostile("UTF-16", text.encode("utf-16"))
    yield Hostile("UTF-32", text.encode("utf-32"))
    yield Hostile("twice", body + body)


def _mutants(body: bytes, random: Random, count: int) -> Iterator[Hostile]:
    """Cut short, bytes changed, left out, put in."""
    for number in range(count):
        mutant = bytearray(body)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(mutant))
            match random.randrange(4):
                case 0:
                    del mutant[at:]
                case 1:
                    mutant[at] = random.randrange(256)
                case 2:
                    del mutant[at : at + random.randint(1, 8)]
                case _:
                    mutant[at:at] = random.randbytes(random.randint(1, 8))
            if not mutant:
                break
        yield Hostile(f"mutant {number}", bytes(mutant))
