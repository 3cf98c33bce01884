"""What a question right after a receipt needs of a ranking state, told apart ahead of time: offers keeps one beside each state.

A state names every item that a customer ever bought, and most of them once. Asked at a till, a model looks at few of them: those bought
often and lately. A sketch keeps these with their trips, and of the rest what says something about a category or a type. It is a pure
function of the state and holds neither weights nor anything of other customers, so it fits every model and every moment.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from libs.ranking.history import summed
from libs.ranking.kept import DAY_SECONDS, FADING_DAYS
from libs.ranking.state import CustomerRankingState, Integers

FORMAT_VERSION = 1
ITEMS_NAMED = 192
"""So many items of a customer can be named."""

_WIDTHS = tuple(np.dtype(width) for width in ("<u1", "<u2", "<u4", "<i8"))
_GREATEST = [int(np.iinfo(width).max) for width in _WIDTHS]
_ARRAYS = (
    "at_seconds", "utc_offset_minutes", "stores", "sizes", "line_visits", "line_items",
    "label_hashes", "label_visits", "label_items", "item_labels",
    "rest_hashes", "rest_labels", "rest_visits", "rest_items",
)  # fmt: skip


def hash_of(name: str) -> int:
    """What stands for a name that is compared and never told."""
    return crc32(name.encode())


label_hash = lru_cache(maxsize=1 << 14)(hash_of)
"""Of a category or a type, of which a chain has few: the same are asked for again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """The trips; the items that can be named, with their lines; labels; and the rest.

    A line is (number of its trip, number of its item), in the order of trips. Labels are categories, then types, each in ascending
    order of hash; of each is known on which trip it was bought last and of how many items it is. `item_labels` are (2 x items),
    `rest_labels` (2 x items of the rest): the numbers of category and type. The rest is known by hashes, which ascend.
    """

    items: tuple[str, ...]
    store_names: tuple[str, ...]
    categories: int
    at_seconds: Integers
    utc_offset_minutes: Integers
    stores: Integers
    sizes: Integers
    line_visits: Integers
    line_items: Integers
    label_hashes: Integers
    label_visits: Integers
    label_items: Integers
    item_labels: Integers
    rest_hashes: Integers
    rest_labels: Integers
    rest_visits: Integers
    rest_items: Integers

    @property
    def visits(self) -> int:
        """How many trips it knows."""
        return len(self.at_seconds)

    @property
    def category_hashes(self) -> Integers:
        """Of all categories that the customer bought of."""
        return self.label_hashes[: self.categories]

    @classmethod
    def of(cls, state: CustomerRankingState, most: int = ITEMS_NAMED) -> "Sketch":
        """The sketch of a state that can name so many items at most."""
        named = _named(state, most)
        of_named = np.full(len(state.items), -1)
        of_named[named] = np.arange(len(named))
        others = np.flatnonzero(of_named < 0)
        hashes = np.array([hash_of(state.items[number]) for number in others.tolist()], np.int64)
        by_hash = np.argsort(hashes, kind="stable")
        rest = others[by_hash]
        of_rest = np.full(len(state.items), -1)
        of_rest[rest] = np.arange(len(rest))
        labels, label_hashes, categories = _labels(state)
        last = np.zeros(len(label_hashes), np.int64)
        last[labels[:, state.line_items]] = state.line_visits  # of several the one that is written last
        is_named = of_named[state.line_items] >= 0
        return cls(
            items=tuple([state.items[number] for number in named.tolist()]),
            store_names=state.stores,
            categories=categories,
            at_seconds=state.visit_at_seconds,
            utc_offset_minutes=state.visit_utc_offset_minutes,
            stores=state.visit_stores,
            sizes=state.visit_sizes,
            line_visits=state.line_visits[is_named],
            line_items=of_named[state.line_items[is_named]],
            label_hashes=label_hashes,
            label_visits=last,
            label_items=np.bincount(labels.ravel(), minlength=len(label_hashes)),
            item_labels=labels[:, named],
            rest_hashes=hashes[by_hash],
            rest_labels=labels[:, rest],
            rest_visits=state.line_visits[~is_named],
            rest_items=of_rest[state.line_items[~is_named]],
        )

    def encode(self) -> bytes:
        """Compact bytes: names as MessagePack, then arrays of the narrowest numbers that fit."""
        arrays = [_narrowed(getattr(self, name).ravel()) for name in _ARRAYS]
        head = [
            FORMAT_VERSION,
            self.items,
            self.store_names,
            self.categories,
            [len(array) for array in arrays],
            [_WIDTHS.index(array.dtype) for array in arrays],
        ]
        packed = msgspec.msgpack.encode(head)
        return b"".join((len(packed).to_bytes(4, "little"), packed, *(array.tobytes() for array in arrays)))

    @classmethod
    def decode(cls, content: bytes) -> "Sketch":
        """The sketch whose `encode` gave these bytes; raises ValueError for another format."""
        start = 4 + int.from_bytes(content[:4], "little")
        version, items, stores, categories, lengths, widths = _head(content[4:start])
        if version != FORMAT_VERSION:
            raise ValueError("a sketch of an unknown format")
        types = [_WIDTHS[width] for width in widths]
        ends = accumulate(
            (length * width.itemsize for length, width in zip(lengths, types, strict=True)), initial=start
        )
        arrays: dict[str, Integers] = {
            name: np.frombuffer(content, width, length, offset)
            for name, width, length, offset in zip(_ARRAYS, types, lengths, ends, strict=False)
        }
        arrays["item_labels"] = arrays["item_labels"].reshape(2, -1)
        arrays["rest_labels"] = arrays["rest_labels"].reshape(2, -1)
        return cls(items=tuple(items), store_names=tuple(stores), categories=categories, **arrays)


def _head(content: bytes) -> Sequence[Any]:
    try:
        head: Sequence[Any] = msgspec.msgpack.decode(content)
    except msgspec.DecodeError as error:
        raise ValueError("not a sketch") from error
    return head


def _named(state: CustomerRankingState, most: int) -> Integers:
    """The numbers of the items bought most often and most lately, ascending; of equals the first by name."""
    if len(state.items) <= most:
        return np.arange(len(state.items))
    at = state.visit_at_seconds[state.line_visits]
    age_days = (at[-1] - at) / DAY_SECONDS
    faded = summed(state.line_items, np.exp(-age_days / FADING_DAYS), len(state.items))
    strength = faded * np.bincount(state.line_items, minlength=len(state.items))
    return np.sort(np.argsort(-strength, kind="stable")[:most])


def _labels(state: CustomerRankingState) -> tuple[Integers, Integers, int]:
    """The numbers of each item's category and type, (2 x items); the hashes of labels by number; how many are categories."""
    categories, of_category = _numbered(state.categories)
    types, of_type = _numbered(state.types)
    return np.stack((of_category, of_type + len(categories))), np.concatenate((categories, types)), len(categories)


def _numbered(names: Sequence[str]) -> tuple[Integers, Integers]:
    hashes, numbers = np.unique(np.array(list(map(label_hash, names)), np.int64), return_inverse=True)
    return hashes, numbers


def _narrowed(numbers: Integers) -> npt.NDArray[Any]:
    greatest = int(numbers.astype(np.uint64).max()) if len(numbers) else 0  # what is below zero becomes very great
    return numbers.astype(_WIDTHS[min(bisect_left(_GREATEST, greatest), len(_WIDTHS) - 1)])
