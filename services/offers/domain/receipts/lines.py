"""Text on paper of so many columns: what a name may not hold is taken out, and it is broken between words, never longer."""

import re
import unicodedata
from collections.abc import Iterable

NO_BREAK = "\u00a0"
_ELLIPSIS = "..."
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_GONE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_SPACES = {"Zl", "Zp", "Zs"}
_NO_BREAKS = {NO_BREAK, "\u202f", "\u2007"}


def clean(text: str) -> str:
    r"""The text as one line without control signs: no name gives orders to a printer.

    >>> clean("Milk\x1b@\n 1 gal"), clean("1,50\u202f€") == "1,50\u00a0€"
    ('Milk @ 1 gal', True)
    """
    if not text.isascii():
        text = "".join(map(_cleaned, unicodedata.normalize("NFC", text)))
    return _CONTROLS.sub(" ", text).strip(" ")


def _cleaned(sign: str) -> str:
    if sign in _NO_BREAKS:
        return NO_BREAK
    kind = unicodedata.category(sign)
    if kind in _SPACES or "\x80" <= sign <= "\x9f":
        return " "
    return "" if kind in _GONE and sign >= " " else sign


def width(text: str) -> int:
    """How many columns it takes: none for marks that sit on another sign, two for full-width ones.

    >>> width("Café"), width("牛奶")
    (4, 4)
    """
    return len(text) if text.isascii() else sum(map(_sign_width, text))


def _sign_width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def broken(text: str, columns: int, greatest_lines: int) -> list[str]:
    """Its lines, none wider than `columns`; what is too much ends in three dots.

    >>> broken("Two percent milk, one gallon", 16, 2)
    ['Two percent', 'milk, one gallon']
    >>> broken("Two percent milk, one gallon", 8, 2)
    ['Two', 'perce...']
    """
    if width(text) <= columns:
        return [text] if text else []
    lines = list(_lines(text, columns))
    if len(lines) <= greatest_lines:
        return lines
    kept = lines[:greatest_lines]
    room = columns - len(_ELLIPSIS)
    last, _ = _split(kept[-1] + " " + lines[greatest_lines], room)
    return [*kept[:-1], last.rstrip(f" {NO_BREAK}") + _ELLIPSIS]


def _lines(text: str, columns: int) -> Iterable[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer) <= columns:
            line = longer
            continue
        if line:
            yield line
        line = word
        while width(line) > columns:
            head, line = _split(line, columns)
            yield head
    if line:
        yield line


def _split(text: str, columns: int) -> tuple[str, str]:
    """The most of it that takes no more than `columns`, and the rest."""
    taken = 0
    for place, sign in enumerate(text):
        taken += _sign_width(sign)
        if taken > columns:
            return text[:place], text[place:]
    return text, ""


def centred(line: str, columns: int) -> str:
    """The line in the middle, without spaces behind it."""
    return " " * ((columns - width(line)) // 2) + line
