"""Codes of another system: how they are spelled, which are taken, and what they are found by."""

from collections.abc import Iterable, Iterator

from services.offers.domain.codes.code import CodeKey, normalised

SHORTEST = 6
LONGEST = 64
_PUNCTUATION = frozenset("-_./+")
_SEPARATORS = ",;\t"

EMPTY = "empty"
TOO_LONG = "too-long"
NOT_A_CODE = "not-a-code"
GUESSABLE = "guessable"


def spelled(text: str) -> str:
    """One spelling of a code, however it is typed: capitals, no spaces, no hyphens.

    >>> spelled(" ab12-cd 34 ")
    'AB12CD34'
    """
    return "".join(sign for sign in text.upper() if sign not in "- \u00a0")


def refusal(code: str) -> str | None:
    """Why this is taken for no code, in its one spelling; None when it is one. A word, or a few signs, anybody guesses."""
    if not code:
        return EMPTY
    if len(code) > LONGEST:
        return TOO_LONG
    if not all(sign.isascii() and (sign.isalnum() or sign in _PUNCTUATION) for sign in code):
        return NOT_A_CODE
    return GUESSABLE if len(code) < SHORTEST or not any(sign.isdigit() for sign in code) else None


def lookup_of(text: str, codes: CodeKey) -> bytes | None:
    """What a code is found by, whether ours or another system's; None for what can be neither.

    A code of another system that has the form of ours, check character and all, is looked up like ours.
    """
    ours = normalised(text)
    if ours is not None:
        return codes.lookup_of(ours)
    code = spelled(text)
    return codes.legacy_lookup_of(code) if refusal(code) is None else None


def first_cells(lines: Iterable[bytes]) -> Iterator[str | None]:
    """The first cell of each line of a CSV or a plain list; None where it is not UTF-8."""
    for line in lines:
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            yield None
            continue
        for separator in _SEPARATORS:
            text = text.split(separator, 1)[0]
        yield text.strip().strip('"').strip()
