"""Pydantic's constraints read one by one, for the compiled contracts: what each says, and its expression in Python's words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import annotated_types
from pydantic.fields import FieldInfo

from libs.common.contracts.personal import Sealable

_UNSAFE_IN_PATTERNS = ("(?", r"\D", r"\S", r"\W", r"\b", r"\B", "|$", r"\$")
_STRICTER_IN_ASCII = (r"\d", r"\s", r"\w")
"""Unless they are excluded: then they are more lenient."""


class NotCompilable(TypeError):
    """A contract says something that has no compiled form; pydantic alone judges it."""


def flat(metadata: Sequence[Any]) -> Iterator[Any]:
    """The constraints, groups of them taken apart."""
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            yield from flat(mark.metadata)
        elif isinstance(mark, annotated_types.GroupedMetadata):
            yield from flat(tuple(mark))
        else:
            yield mark


def said_by(mark: Any) -> Mapping[str, Any]:
    """What a constraint says, by name."""
    slots = getattr(type(mark), "__slots__", ())
    return {name: getattr(mark, name) for name in slots} | getattr(mark, "__dict__", {})


def pattern_of(pattern: Any, mark: Any) -> str:
    """Rust's expression in Python's words: its `$` is the very end; classes are kept to ASCII, which is stricter."""
    unsafe = [*_UNSAFE_IN_PATTERNS, *(_STRICTER_IN_ASCII if "[^" in str(pattern) else ())]
    if not isinstance(pattern, str) or any(part in pattern for part in unsafe) or "$" in pattern[:-1]:
        raise NotCompilable(f"this expression may mean something else to Python: {pattern}")
    if isinstance(mark, Sealable) and not (pattern.startswith("^") and pattern.endswith("$")):
        raise NotCompilable("whether an open text matches is not looked for, but asked of the whole")
    return "(?a)" + (pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)
