"""Rows as arrays for `unnest`: one parameter a column, whatever the number of rows; and rows that are quick to read. Used by every part of the store."""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import Result


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """The rows' values by column name.

    >>> columns(("a", "b"), [(1, 2), (3, 4)])
    {'a': [1, 3], 'b': [2, 4]}
    """
    turned = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(values) for name, values in zip(names, turned, strict=True)}


def tuples_of(found: Result[Any]) -> list[Any]:
    """All rows, as named tuples: a row of the library looks each name up again, which costs more than what is done with it."""
    return list(map(_shape(tuple(found.keys()))._make, found))


def flat_of(rows: Iterable[Any], name: str, kind: type) -> Any:
    """The arrays that the rows have under this name, one after the other."""
    return np.array(list(chain.from_iterable(getattr(row, name) for row in rows)), dtype=kind)


@lru_cache(maxsize=64)
def _shape(names: tuple[str, ...]) -> Any:
    return namedtuple("Found", names)  # noqa: PYI024  # its names are known when it is read
