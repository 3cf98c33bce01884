"""Arrays as PostgreSQL writes them, so that each row of a statement may have its own; used wherever arrays are saved."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np


def array_text(values: Sequence[Any]) -> str:
    """An array of texts or numbers in PostgreSQL's text form; `repr` gives a float's shortest exact digits.

    >>> array_text(["a", "b"]), array_text([1, 2]), array_text([])
    ('{"a","b"}', '{1, 2}', '{}')
    """
    if values and isinstance(values[0], str):
        quoted = '","'.join(values)
        if "\\" in quoted or quoted.count('"') != 2 * (len(values) - 1):
            quoted = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        return f'{{"{quoted}"}}'
    return f"{{{repr(list(values))[1:-1]}}}"


def array_texts(arrays: Sequence[np.ndarray[Any, Any]]) -> list[str]:
    """Each of these arrays of numbers in that form; written as one and cut: most have only a few numbers.

    >>> array_texts([np.array([1.0, 0.5]), np.array([]), np.array([-3.0])])
    ['{1.0, 0.5}', '{}', '{-3.0}']
    """
    if not arrays:
        return []
    flat = np.concatenate(arrays)
    if flat.tobytes() == flat[:1].tobytes() * len(flat):
        return _all_alike(flat, [len(one) for one in arrays])
    words = repr(flat.tolist())[1:-1].split(", ")
    ends = list(accumulate(len(one) for one in arrays))
    return ["{" + ", ".join(words[start:end]) + "}" for start, end in zip([0, *ends], ends, strict=False)]


def _all_alike(flat: np.ndarray[Any, Any], lengths: Sequence[int]) -> list[str]:
    words = [repr(value) for value in flat[:1].tolist()]
    known = {length: "{" + ", ".join(words * length) + "}" for length in set(lengths)}
    return [known[length] for length in lengths]
