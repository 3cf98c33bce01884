"""What a receipt printer can spell: a few code pages that nearly all of them have, and plain letters for everything else."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from anyascii import anyascii
from escpos.capabilities import get_profile

from services.offers.domain.receipts.lines import NO_BREAK

USUAL_PAGES: Final = ("CP1252",)


@lru_cache(maxsize=32)
def page_number(page: str) -> int:
    """What a printer calls the code page; raises ValueError for one that printers do not have."""
    try:
        return int(get_profile().get_code_pages()[page])
    except KeyError as error:
        raise ValueError(f"no code page of printers: {page}") from error


def spelled(text: str, pages: Sequence[str]) -> str:
    """The text in signs that these pages hold: what none of them has is written in plain letters, never as a question mark.

    >>> spelled("Żubrówka 牛奶 1,50 €", ["CP1252"]), spelled("Żubrówka", ["CP852"])
    ('Zubrówka NiuNai 1,50 €', 'Żubrówka')
    """
    if text.isascii():
        return text
    known = [_bytes_of(page) for page in pages]
    return "".join(sign if _has(sign, known) else plain(sign) for sign in text)


def encoded(text: str, pages: Sequence[str], page: str) -> Iterator[tuple[str, bytes]]:
    """The text in pieces, each with the page that it is in; goes on in `page` as long as that one holds the signs.

    Raises KeyError for a text that was not `spelled` for these pages.
    """
    if text.isascii():
        yield page, text.encode("ascii")
        return
    piece = bytearray()
    for sign in text:
        if sign > "\x7f" and sign != NO_BREAK and sign not in _bytes_of(page):
            if piece:
                yield page, bytes(piece)
            page, piece = next(other for other in pages if sign in _bytes_of(other)), bytearray()
        piece += b" " if sign == NO_BREAK else sign.encode("ascii") if sign <= "\x7f" else _bytes_of(page)[sign]
    yield page, bytes(piece)


@lru_cache(maxsize=4096)
def plain(sign: str) -> str:
    """A sign in letters that every printer and font has; nothing for one that has no sound."""
    return "".join(letter for letter in anyascii(sign) if " " <= letter <= "~" and letter != "?")


def _has(sign: str, known: Sequence[Mapping[str, bytes]]) -> bool:
    return sign <= "\x7f" or sign == NO_BREAK or any(sign in page for page in known)


@lru_cache(maxsize=32)
def _bytes_of(page: str) -> Mapping[str, bytes]:
    """The upper half of a code page; raises LookupError for one that Python does not know."""
    found = {}
    for number in range(0x80, 0x100):
        byte = bytes([number])
        sign = byte.decode(page, errors="ignore")
        if sign:
            found[sign] = byte
    return found
