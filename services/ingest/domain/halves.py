"""JSON with half a character in it, which scripts write where they cut a text within an emoji; called where a parser said no.

JavaScript counts such a character as two, and its JSON spells either half by itself, as an escape. The grammar of JSON allows that, but no
text can hold it, and parsers refuse the whole document for it.
"""

import re

_MOST = 10_000
"""More halves than that are left as they are: nobody sends them but to keep us busy."""
_SPELLED = len(rb"\ud83d")
_UP_TO_A_HALF = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?![dD][89a-fA-F]))*+"
    rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def without_halves(document: bytes) -> bytes:
    r"""The document with U+FFFD in the place of each, as browsers write them elsewhere; not a byte longer or shorter.

    >>> without_halves(rb'["cut \ud83d", "whole \ud83d\ude00", "no escape \\ud83d"]')
    b'["cut \\ufffd", "whole \\ud83d\\ude00", "no escape \\\\ud83d"]'
    """
    parts, begin = list[bytes](), 0
    while len(parts) < 2 * _MOST and (found := _UP_TO_A_HALF.match(document, begin)) is not None:
        parts += document[begin : found.end() - _SPELLED], rb"\ufffd"
        begin = found.end()
    return b"".join((*parts, document[begin:]))
