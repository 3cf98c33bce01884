"""What is known of items across all customers, as read by features: popularity, repeat rate, pooled intervals, labels.

A learner (in profile) fills it; a snapshot of it travels beside the model. Rows and codes never change their meaning while it grows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from zlib import DEFLATED, Z_HUFFMAN_ONLY, compressobj, crc32, decompress

import msgspec
import numpy as np
import numpy.typing as npt

from libs.ranking.state import Integers

Booleans: TypeAlias = npt.NDArray[np.bool_]

FORMAT_VERSION, STORED_VERSION = 1, 2
UNKNOWN = 0  # the row of items and the code of labels that were never seen
FADING_DAYS = np.array([3.0, 14.0, 60.0])

# columns of `stats`; the faded counts are as of `reference_at_days`
FADED = slice(0, 3)
BASKETS, BUYERS, GAP_LOG_SUM, GAPS, SHARE_SUM = 3, 4, 5, 6, 7
COLUMNS = 8
PRIOR_LOG_GAP, PRIOR_GAPS = 3.4, 5.0  # a month, weighing like five gaps


def log_gap(stats: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Log of the days between two purchases of an item by one customer, drawn to a month while few are known; `stats` by column."""
    return np.asarray((stats[GAP_LOG_SUM] + PRIOR_LOG_GAP * PRIOR_GAPS) / (stats[GAPS] + PRIOR_GAPS))


def greatest(counts: npt.NDArray[np.float64], most: int) -> Integers:
    """Where the greatest counts are, at most so many of them, descending; of equals the first."""
    least = np.partition(counts, -most)[-most] if most < len(counts) else -np.inf
    found = np.flatnonzero(counts >= least)
    return found[np.argsort(-counts[found], kind="stable")][:most]


def numbers_in(number_of: Mapping[str, int], names: Iterable[str]) -> Integers:
    """The number of each name; UNKNOWN for those without one."""
    number = number_of.get
    found = [number(name, UNKNOWN) for name in names]
    return np.fromiter(found, np.int64, len(found))


def fading(
    reference_at_days: float | npt.NDArray[np.float64], at_days: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The factors that turn columns that are faded as of a reference into counts as of `at_days`, (columns x ... times)."""
    return np.asarray(np.exp((reference_at_days - at_days) / FADING_DAYS.reshape(-1, *(1,) * np.ndim(at_days))))


class Labels:
    """Names (of categories or types) with a code each, in order of first sight, and a slot that depends on the name alone."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = [""]
        self.code_of: dict[str, int] = {"": UNKNOWN}
        self._slots = np.zeros(64, np.int64)
        for name in names:
            self.add(name)

    def add(self, name: str) -> int:
        """The code of `name`, a new one if it has none."""
        code = self.code_of.get(name)
        if code is None:
            code = self.code_of[name] = len(self.names)
            self.names.append(name)
            if code >= len(self._slots):
                self._slots = np.resize(self._slots, 2 * len(self._slots))
            self._slots[code] = crc32(name.encode())
        return code

    def met(self, names: Iterable[str]) -> list[int]:
        """The codes of names; those without one get one."""
        code_of = self.code_of
        return [code_of[name] if name in code_of else self.add(name) for name in names]

    def codes(self, names: Iterable[str]) -> Integers:
        """The codes of names; UNKNOWN for those without one."""
        return numbers_in(self.code_of, names)

    def slots(self, codes: Integers, size: int) -> Integers:
        """Where the names with these codes live in a hashed table of `size` rows."""
        return self._slots[codes] % size

    def hashes(self, codes: Integers) -> Integers:
        """The crc32 of the names with these codes."""
        return self._slots[codes]

    def __len__(self) -> int:
        return len(self.names)


_COMPRESSED = b"\x78"
_encoder = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class PopulationState:
    """One row an item (row 0: unknown items). Faded counts are kept forward: as of `reference_at_days`, read by a factor."""

    item_ids: list[str] = field(default_factory=lambda: [""])
    row_of: dict[str, int] = field(default_factory=dict)
    stats: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((64, COLUMNS)))
    category_codes: Integers = field(default_factory=lambda: np.zeros(64, np.int64))
    type_codes: Integers = field(default_factory=lambda: np.zeros(64, np.int64))
    categories: Labels = field(default_factory=Labels)
    types: Labels = field(default_factory=Labels)
    popular: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    reference_at_days: float = 0.0

    def rows(self, item_ids: Iterable[str]) -> Integers:
        """The rows of items; UNKNOWN for those never seen."""
        return numbers_in(self.row_of, item_ids)

    def fading(self, at_days: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The factors that turn the faded columns into counts as of `at_days`: (columns), or of a column of times (columns x times x 1)."""
        return fading(self.reference_at_days, at_days)

    def log_gap(self, rows: Integers) -> npt.NDArray[np.float64]:
        """The same of items by row."""
        return log_gap(self.stats[rows].T)

    def labels_of(self, item_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """(category, type) of the items that are known here."""
        known = ((item_id, self.row_of[item_id]) for item_id in item_ids if item_id in self.row_of)
        categories, types = self.categories.names, self.types.names
        return {item: (categories[self.category_codes[row]], types[self.type_codes[row]]) for item, row in known}

    def store(self) -> bytes:
        """All of it as it is, not compressed: what is read by nobody but the next learner, and written with every model."""
        known = len(self.item_ids)
        return _encoder.encode(
            [
                STORED_VERSION,
                self.item_ids[1:],
                self.stats[1:known].astype("<f8", copy=False).tobytes(),
                self.category_codes[1:known].astype("<i4").tobytes(),
                self.type_codes[1:known].astype("<i4").tobytes(),
                self.categories.names[1:],
                self.types.names[1:],
                self.popular.astype("<i4").tobytes(),
                self.reference_at_days,
            ]
        )

    def encode(self, most_items: int | None = None) -> bytes:
        """Compressed MessagePack to publish: all of it, or a small copy of `most_items`.

        A copy keeps the items sold most in the last months (the rest read as unknown) and single floats.
        """
        float_type = "<f8" if most_items is None else "<f4"
        rows = np.arange(1, len(self.item_ids))
        if most_items is not None and len(rows) > most_items:
            rows = np.sort(1 + greatest(self.stats[1 : len(self.item_ids), FADED.stop - 1], most_items))
        new_row = np.zeros(len(self.item_ids), np.int64)
        new_row[rows] = np.arange(1, len(rows) + 1)
        popular = new_row[self.popular]
        body = [
            FORMAT_VERSION,
            [self.item_ids[row] for row in rows.tolist()],
            float_type,
            self.stats[rows].T.astype(float_type).tobytes(),
            self.category_codes[rows].astype("<i4").tobytes(),
            self.type_codes[rows].astype("<i4").tobytes(),
            self.categories.names[1:],
            self.types.names[1:],
            popular[popular > 0].astype("<i4").tobytes(),
            self.reference_at_days,
        ]
        return _packed(_encoder.encode(body))

    @classmethod
    def decode(cls, content: bytes) -> "PopulationState":
        """The state that `store` or `encode` wrote; raises ValueError for another format."""
        stored = content[:1] != _COMPRESSED
        version, item_ids, *rest = msgspec.msgpack.decode(content if stored else decompress(content))
        if version != (STORED_VERSION if stored else FORMAT_VERSION):
            raise ValueError("a population state of an unknown format")
        float_type = "<f8" if stored else rest.pop(0)
        stats, category_codes, type_codes, categories, types, popular, reference = rest
        values = np.frombuffer(stats, float_type).astype(np.float64)
        rows = values.reshape(-1, COLUMNS) if stored else values.reshape(COLUMNS, -1).T
        return cls(
            item_ids=["", *item_ids],
            row_of={item_id: row for row, item_id in enumerate(item_ids, 1)},
            stats=np.vstack([np.zeros(COLUMNS), rows]),
            category_codes=np.append(0, np.frombuffer(category_codes, "<i4")).astype(np.int64),
            type_codes=np.append(0, np.frombuffer(type_codes, "<i4")).astype(np.int64),
            categories=Labels(categories),
            types=Labels(types),
            popular=np.frombuffer(popular, "<i4").astype(np.int64),
            reference_at_days=reference,
        )


def _packed(content: bytes) -> bytes:
    """Half the time of zlib's fastest level, and five in a hundred bytes more: the columns have little in them that repeats."""
    packer = compressobj(1, DEFLATED, strategy=Z_HUFFMAN_ONLY)
    return packer.compress(content) + packer.flush()
