"""The re-ranker as numbers: a sum of table entries per candidate; profile learns and publishes it, profile and offers score with it.

z(candidate) = sum of f_i(x_i), piecewise linear with 33 knots in each feature,
             + sum of tables over pairs of features (16 x 16 levels, schema.CROSSES),
             + hashed tables: type x time since the item, type x due-ness, category x hour and weekend;
z is the log-odds that the item is in the next basket, each basket weighted by 1 / size^0.75 in learning.
An untrained model is the prior: decayed personal frequency (120 days), then popularity (14 days).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias, TypeVar
from zlib import decompress

import numpy as np
import numpy.typing as npt

from libs.ranking.features import Levels
from libs.ranking.history import Floats
from libs.ranking.schema import CATEGORY_SLOTS, CROSSES, FEATURES, HIGH, LEVELS, LOW, ROW, TYPE_SLOTS, Group
from libs.ranking.state import Integers

Cells: TypeAlias = npt.NDArray[np.uint16]
Number = TypeVar("Number", np.uint16, np.int64)

FORMAT_VERSION, EARLIER_FORMAT = 2, 1
KNOTS = 33
BINS = 16
SPREAD = LEVELS // (KNOTS - 1)  # levels between two knots
PRIOR_SLOPES = {"faded_120": 1.0, "popular_14": 0.35}  # log-odds per unit of log feature before anything is learned

SMOOTH = len(FEATURES) * LEVELS  # table entries of the piecewise linear part
TYPE_SINCE = len(CROSSES) * LEVELS
TYPE_DUE = TYPE_SINCE + TYPE_SLOTS * BINS
CATEGORY_HOUR = TYPE_DUE + TYPE_SLOTS * BINS
CELLS = CATEGORY_HOUR + CATEGORY_SLOTS * BINS


def _pair_group(first: str, second: str) -> Group:
    """The reason that a pair gives: its second feature's, unless that only sets the scene."""
    group = FEATURES[ROW[second]].group
    return FEATURES[ROW[first]].group if group in {"habit", "trip"} else group


_GROUPS: tuple[Group, ...] = (
    *(feature.group for feature in FEATURES),
    *(_pair_group(first, second) for first, second in CROSSES),
    "rhythm", "rhythm", "moment",
)  # fmt: skip
_GROUP_ROWS = {
    group: np.array([row for row, mine in enumerate(_GROUPS) if mine == group]) for group in sorted(set(_GROUPS))
}
_BY_GROUP = np.concatenate([*_GROUP_ROWS.values()])
_GROUP_ENDS = np.cumsum([len(rows) for rows in _GROUP_ROWS.values()]).tolist()
_GROUP_PLACES = tuple(zip(_GROUP_ROWS, (0, *_GROUP_ENDS[:-1]), _GROUP_ENDS, strict=True))

_FIRST = np.array([ROW[first] for first, _ in CROSSES])
_SECOND = np.array([ROW[second] for _, second in CROSSES])
_FEATURE_START = np.arange(len(FEATURES))[:, None] * LEVELS
_CELL_STARTS = np.array([*range(0, TYPE_SINCE, LEVELS), TYPE_SINCE, TYPE_DUE, CATEGORY_HOUR])[:, None]
_STARTS = np.concatenate((_FEATURE_START, SMOOTH + _CELL_STARTS)).astype(np.uint16)  # narrow numbers are quick to add
_TO_NEXT = np.arange(SPREAD) / SPREAD  # how far a level lies towards its next knot
_SHARES = np.stack((1 - _TO_NEXT, _TO_NEXT), axis=1)  # of a level, in the knots around it
_FEATURE_NAMES = [feature.name for feature in FEATURES]
HASHED = 3
ENTRIES = len(FEATURES) + len(CROSSES) + HASHED
"""Table entries that make up a score; the last of them are hashed by label."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """An immutable, numbered set of weights; `knots` is (features x KNOTS), `cells` the flat tables."""

    name: str
    number: int
    knots: Floats
    cells: Floats

    @property
    def id(self) -> str:
        """Name, number and a digest of the weights: two models with the same id score alike."""
        content = self.knots.astype("<f8").tobytes() + self.cells.astype("<f8").tobytes()
        return f"{self.name}-{self.number}-{blake2b(content, digest_size=6).hexdigest()}"

    def to_json(self) -> dict[str, Any]:
        """A JSON value; weights as base64 of little-endian doubles, so that nothing is rounded.

        Of cells only those other than zero, and a bit each that tells which: compressing them would save no more.
        """
        known = self.cells != 0
        return {
            "format": FORMAT_VERSION,
            "name": self.name,
            "number": self.number,
            "features": _FEATURE_NAMES,
            "knots": _pack(self.knots),
            "known_cells": b64encode(np.packbits(known).tobytes()).decode(),
            "cells": _pack(self.cells[known]),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Model":
        """The model that gave this value, in this format or the one before; raises ValueError for another or other features."""
        version = value.get("format")
        if version not in {FORMAT_VERSION, EARLIER_FORMAT} or value.get("features") != _FEATURE_NAMES:
            raise ValueError("a ranking model of an unknown format")
        unpack = _unpack if version == FORMAT_VERSION else _unpack_compressed
        cells = unpack(value["cells"])
        if version == FORMAT_VERSION:
            bits = np.frombuffer(b64decode(value["known_cells"]), np.uint8)
            values, cells = cells, np.zeros(CELLS)
            cells[np.unpackbits(bits, count=CELLS).astype(np.bool_)] = values
        knots = unpack(value["knots"]).reshape(len(FEATURES), KNOTS)
        return cls(value["name"], value["number"], knots, cells)


def prior_knots() -> Floats:
    """The weights of the prior: straight lines in the log of decayed frequency and of popularity."""
    knots = np.zeros((len(FEATURES), KNOTS))
    for name, slope in PRIOR_SLOPES.items():
        row = ROW[name]
        knots[row] = slope * np.linspace(LOW[row, 0], HIGH[row, 0], KNOTS)
    return knots


def untrained(name: str) -> Model:
    """Model number 0: the prior alone."""
    return Model(name, 0, prior_knots(), np.zeros(CELLS))


class Levelled(Protocol):
    """Candidates: levels (features x candidates), and where their labels live in hashed tables."""

    @property
    def levels(self) -> Levels:
        """By feature."""

    @property
    def category_slots(self) -> Integers:
        """In the table of categories."""

    @property
    def type_slots(self) -> Integers:
        """In the table of types."""


def cells_of(candidates: Levelled) -> Cells:
    """(table entries of a candidate x candidates): where in `table_of` the parts of each score are."""
    slots = candidates.type_slots.astype(np.uint16), candidates.category_slots.astype(np.uint16)
    return cells_at(candidates.levels, *slots, _STARTS)


def starts_of(smooth: int, crosses: int, hashed: int) -> Integers:
    """Where the table entries of each part begin when the piecewise linear parts begin there, the crosses there, the hashed cells there."""
    crossed, by_label = _CELL_STARTS[:-HASHED], _CELL_STARTS[-HASHED:] - TYPE_SINCE
    return np.concatenate((smooth + _FEATURE_START, crosses + crossed, hashed + by_label))


def cells_at(
    levels: Levels, type_slots: npt.NDArray[Number], category_slots: npt.NDArray[Number], starts: npt.NDArray[Number]
) -> npt.NDArray[Number]:
    """The same of levels (features x ... x candidates); `starts` (entries x ... x 1) are as `starts_of` says."""
    coarse = levels >> 4
    cells = np.empty((ENTRIES, *levels.shape[1:]), starts.dtype)
    cells[: len(FEATURES)] = levels
    cells[len(FEATURES) : -HASHED] = coarse.take(_FIRST, axis=0) * np.uint8(BINS) + coarse.take(_SECOND, axis=0)
    cells[:-HASHED] += starts[:-HASHED]
    by_type = type_slots * BINS
    weekend = levels[ROW["weekday"]] >= 5 * LEVELS // 7
    np.add(by_type + coarse[ROW["since_days"]], starts[-3], out=cells[-3])
    np.add(by_type + coarse[ROW["due_days"]], starts[-2], out=cells[-2])
    hour = (levels[ROW["hour"]] >> 5) * np.uint8(2) + weekend
    np.add(category_slots * BINS + hour, starts[-1], out=cells[-1])
    return cells


def table_of(knots: Floats, cells: Floats) -> Floats:
    """The flat table that `cells_of` points into."""
    table = np.empty(SMOOTH + CELLS)
    spread(knots, table[:SMOOTH])
    table[SMOOTH:] = cells
    return table


def spread(knots: Floats, smooth: Floats) -> None:
    """Write the piecewise linear parts, (... x features x KNOTS), into their table entries, (... x SMOOTH) one after the other."""
    around = np.empty((*knots.shape[:-1], KNOTS - 1, 2))
    around[..., 0], around[..., 1] = knots[..., :-1], knots[..., 1:]
    np.matmul(around.reshape(-1, 2), _SHARES.T, out=smooth.reshape(-1, SPREAD))


def parts_of(table: Floats, cells: Cells) -> Floats:
    """What each table entry adds to the score of each candidate, (entries x candidates)."""
    return np.asarray(table.take(cells), np.float64)


def score(parts: Floats) -> Floats:
    """The log-odds of each candidate: the same for a candidate whoever else is one."""
    return np.asarray(parts.sum(axis=0), np.float64)


def lifts(parts: Floats, chosen: list[int]) -> list[dict[Group, float]]:
    """How much each group of features lifts the chosen candidates above the mean of all."""
    above = parts[:, chosen] - parts.mean(axis=1, keepdims=True)
    by_group = {group: above[rows].sum(axis=0).tolist() for group, rows in _GROUP_ROWS.items()}
    return [{group: values[place] for group, values in by_group.items()} for place in range(len(chosen))]


def lift_of(above: Floats) -> dict[Group, float]:
    """The same of one candidate, by how far its parts are above the mean."""
    ordered = above.take(_BY_GROUP)
    return {group: float(np.add.reduce(ordered[begin:end])) for group, begin, end in _GROUP_PLACES}


def knot_gradient(levels_gradient: Floats) -> Floats:
    """The gradient on the knots, (... x features x KNOTS), from the one on the levels of the piecewise linear part, (... x SMOOTH)."""
    shape = levels_gradient.shape[:-1]
    from_left, from_right = (levels_gradient.reshape(-1, SPREAD) @ _SHARES).T.reshape(
        2, *shape, len(FEATURES), KNOTS - 1
    )
    gradient = np.zeros((*shape, len(FEATURES), KNOTS))
    gradient[..., :-1] = from_left
    gradient[..., 1:] += from_right
    return gradient


def _pack(weights: Floats) -> str:
    return b64encode(weights.astype("<f8").tobytes()).decode()


def _unpack(text: str) -> Floats:
    return np.frombuffer(b64decode(text), "<f8").copy()


def _unpack_compressed(text: str) -> Floats:
    return np.frombuffer(decompress(b64decode(text)), "<f8").copy()
