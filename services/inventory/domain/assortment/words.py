"""A search's words as a catalogue would write them; used where searches are counted and where items are made findable.

Only words that stand in the catalogue are ever looked at, so nothing of a visitor's own words is kept.
"""

import re
import unicodedata
from collections.abc import Iterable

GREATEST_WORDS = 12
LEAST_LETTERS = 3
_LETTERS = re.compile(r"[^\W\d_]+")


def words(text: str) -> frozenset[str]:
    """Its words without accents, capitals, figures and a plural's s; those of fewer than three letters are left out.

    >>> sorted(words("2x Crème fraîche, LIGHT"))
    ['creme', 'fraiche', 'light']
    >>> words("Apples") == words("apple")
    True
    """
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(letter)
    )
    found = [_singular(word) for word in _LETTERS.findall(plain) if len(word) >= LEAST_LETTERS]
    return frozenset(found[:GREATEST_WORDS])


def all_words(texts: Iterable[str | None]) -> frozenset[str]:
    """The words of several texts together, of each its first twelve."""
    return frozenset().union(*(words(text) for text in texts if text))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > LEAST_LETTERS and word.endswith("s") and not word.endswith("ss") else word
