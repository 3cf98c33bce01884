"""The weights of the next-basket models while they learn: one Adagrad step a basket over all its candidates; needs.py feeds them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from libs.ranking.features import Asked
from libs.ranking.history import Floats, summed
from libs.ranking.model import (
    CELLS,
    HASHED,
    KNOTS,
    SMOOTH,
    TYPE_SINCE,
    Model,
    cells_at,
    knot_gradient,
    prior_knots,
    spread,
    starts_of,
)
from libs.ranking.schema import FEATURES
from libs.ranking.state import Integers, MomentKind

# Learning rates were chosen on the first quarter of the built-in data set, and nothing later.
KNOT_RATES: Mapping[MomentKind, float] = {"arrival": 0.07, "till": 0.02}
CELL_RATE = 0.02
FIRST_SQUARES = 0.01
SIZE_EXPONENT = 0.75
MODEL_NAMES: Mapping[MomentKind, str] = {"arrival": "next-basket-arrival", "till": "next-basket-till"}


class NextBaskets:
    """The models of some moments side by side, the same basket a step of each; `table` is derived and always in step.

    The table holds the piecewise linear parts of all models, then the crosses of all, then the hashed cells of all: these live there
    alone. So what nearly every basket touches lies together, apart from the many cells that it does not.
    """

    def __init__(self, kinds: Sequence[MomentKind]) -> None:
        models = len(kinds)
        self.kinds = tuple(kinds)
        self.baskets = 0
        self.knots: Floats = np.tile(prior_knots(), (models, 1, 1))
        self.knot_squares: Floats = np.full_like(self.knots, FIRST_SQUARES)
        self.table: Floats = np.zeros(models * (SMOOTH + CELLS))
        self._smooth, self._dense = models * SMOOTH, models * (SMOOTH + TYPE_SINCE)
        self._live: Floats = self.table[self._smooth :]
        self._squares: Floats = np.full(models * CELLS, FIRST_SQUARES)
        self._hashed_slopes: Floats = np.zeros(models * (CELLS - TYPE_SINCE))
        """All zero between two steps."""
        self._starts: Integers = np.stack([self._starts_of(model) for model in range(models)], axis=1)
        self._rates = np.array([[[KNOT_RATES[kind]]] for kind in kinds])
        self._spread()

    @property
    def cells(self) -> Floats:
        """A copy of the cells, (models x CELLS)."""
        return self._by_model(self._live)

    @property
    def cell_squares(self) -> Floats:
        """A copy of the sums of their squared slopes, (models x CELLS)."""
        return self._by_model(self._squares)

    def learn(self, asked: Asked, bought: Integers) -> None:
        """One step towards the items (by row) of a basket, given what was known of each candidate before it."""
        cells = cells_at(asked.levels, asked.type_slots, asked.category_slots, self._starts)
        chance = 1.0 / (1.0 + np.exp(-self.table.take(cells).sum(axis=0)))
        wanted = (bought[:, None] == asked.rows).any(axis=0)
        slope = (chance - wanted) * float(len(bought)) ** -SIZE_EXPONENT
        slopes = np.empty(cells.shape)
        slopes[:] = slope
        gradient = summed(cells[:-HASHED].ravel(), slopes[:-HASHED].ravel(), self._dense)
        self._learn_knots(gradient[: self._smooth])
        self._learn_cells(gradient[self._smooth :], cells[-HASHED:].ravel() - self._dense, slopes[-HASHED:].ravel())
        self._spread()
        self.baskets += 1

    def _learn_knots(self, gradient: Floats) -> None:
        slope = knot_gradient(gradient.reshape(len(self.kinds), SMOOTH))
        self.knot_squares += slope**2
        self.knots -= self._rates * slope / np.sqrt(self.knot_squares)

    def _learn_cells(self, crosses: Floats, hashed: Integers, slopes: Floats) -> None:
        """`crosses` is the slope of each; of the hashed cells there is one for each time that a candidate met them."""
        met = (crosses != 0).nonzero()[0]
        np.add.at(self._hashed_slopes, hashed, slopes)
        slope = np.concatenate((crosses.take(met), self._hashed_slopes.take(hashed)))
        self._hashed_slopes[hashed] = 0.0
        touched = np.concatenate((met, hashed + len(crosses)))
        grown = self._squares.take(touched) + slope**2
        stepped = self._live.take(touched) - CELL_RATE * slope / np.sqrt(grown)
        # A cell that is met several times is written as often, each time with the same.
        self._squares[touched], self._live[touched] = grown, stepped

    def table_of(self, kind: MomentKind) -> Floats:
        """The table of one model, as rankers read it."""
        model = self.kinds.index(kind)
        smooth = self.table[: self._smooth].reshape(-1, SMOOTH)[model]
        return np.concatenate((smooth, self.cells[model]))

    def models(self, number: int) -> dict[MomentKind, Model]:
        """Immutable copies of the weights."""
        cells = self.cells
        return {
            kind: Model(MODEL_NAMES[kind], number, self.knots[model].copy(), cells[model])
            for model, kind in enumerate(self.kinds)
        }

    def parts(self) -> list[object]:
        """Plain values for storage: of cells only those that were ever touched."""
        cells, squares = self.cells, self.cell_squares
        known = (cells != 0) | (squares != FIRST_SQUARES)
        arrays = (self.knots, self.knot_squares, cells[known], squares[known])
        touched = np.packbits(known).tobytes()
        return [
            list(self.kinds),
            self.baskets,
            touched,
            *(array.astype("<f8", copy=False).tobytes() for array in arrays),
        ]

    @classmethod
    def from_parts(cls, parts: Sequence[object]) -> "NextBaskets":
        """The models that gave these parts."""
        kinds, baskets, touched, *contents = parts
        models = cls(kinds)  # type: ignore[arg-type]  # as they were written
        knots, knot_squares, known_cells, known_squares = (np.frombuffer(bytes(one), "<f8") for one in contents)  # type: ignore[call-overload]  # msgpack gives bytes
        cells, squares = models.cells, models.cell_squares
        bits = np.unpackbits(np.frombuffer(bytes(touched), np.uint8), count=cells.size)  # type: ignore[call-overload]  # msgpack gives bytes
        known = bits.astype(np.bool_).reshape(cells.shape)
        cells[known], squares[known] = known_cells, known_squares
        models._fill(knots, knot_squares, cells, squares)
        models.baskets = int(str(baskets))
        return models

    @classmethod
    def from_earlier(cls, needs: Mapping[MomentKind, Iterable[object]]) -> "NextBaskets":
        """The models that an earlier release stored one by one, each as [baskets, knots, cells, the squares of both]."""
        models = cls(tuple(needs))
        stored = [[np.frombuffer(bytes(one), "<f8") for one in list(parts)[1:]] for parts in needs.values()]  # type: ignore[call-overload]  # msgpack gives bytes
        knots, cells, knot_squares, squares = (np.concatenate(column) for column in zip(*stored, strict=True))
        models._fill(knots, knot_squares, cells, squares)
        models.baskets = max(int(str(next(iter(parts)))) for parts in needs.values())
        return models

    def _fill(self, knots: Floats, knot_squares: Floats, cells: Floats, squares: Floats) -> None:
        models, knots_shape = len(self.kinds), (len(self.kinds), len(FEATURES), KNOTS)
        self.knots, self.knot_squares = knots.reshape(knots_shape).copy(), knot_squares.reshape(knots_shape).copy()
        crosses = models * TYPE_SINCE
        for mine, stored in ((self._live, cells), (self._squares, squares)):
            by_model = stored.reshape(models, CELLS)
            mine[:crosses], mine[crosses:] = by_model[:, :TYPE_SINCE].ravel(), by_model[:, TYPE_SINCE:].ravel()
        self._spread()

    def _by_model(self, values: Floats) -> Floats:
        models = len(self.kinds)
        crosses, hashed = np.split(values, [models * TYPE_SINCE])
        return np.concatenate((crosses.reshape(models, -1), hashed.reshape(models, -1)), axis=1)

    def _starts_of(self, model: int) -> Integers:
        hashed = self._dense + model * (CELLS - TYPE_SINCE)
        return starts_of(model * SMOOTH, self._smooth + model * TYPE_SINCE, hashed)

    def _spread(self) -> None:
        spread(self.knots, self.table[: self._smooth])
