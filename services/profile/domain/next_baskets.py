"""The weights of the next-basket models while they learn: one Adagrad step a basket over all its candidates; needs.py feeds them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

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

    The table holds the piecewise linear parts of all models, then the cells of all models: these live there alone.
    """

    def __init__(self, kinds: Sequence[MomentKind]) -> None:
        models = len(kinds)
        self.kinds = tuple(kinds)
        self.baskets = 0
        self.knots: Floats = np.tile(prior_knots(), (models, 1, 1))
        self.knot_squares: Floats = np.full_like(self.knots, FIRST_SQUARES)
        self.table: Floats = np.zeros(models * (SMOOTH + CELLS))
        self.cells: Floats = self.table[models * SMOOTH :]
        self.cell_squares: Floats = np.full(models * CELLS, FIRST_SQUARES)
        self._starts: Integers = np.stack(
            [starts_of(model * SMOOTH, models * SMOOTH + model * CELLS) for model in range(models)], axis=1
        )
        self._rates = np.array([[[KNOT_RATES[kind]]] for kind in kinds])
        self._spread()

    def learn(self, asked: Asked, bought: Integers) -> None:
        """One step towards the items (by row) of a basket, given what was known of each candidate before it."""
        models, rows = len(self.kinds), asked.rows
        cells = cells_at(asked.levels, asked.type_slots, asked.category_slots, self._starts)
        chance = 1.0 / (1.0 + np.exp(-self.table.take(cells).sum(axis=0)))
        wanted = (rows[:, None] == bought).any(axis=1)
        slopes = np.empty(cells.shape)
        slopes[:] = (chance - wanted) * float(len(bought)) ** -SIZE_EXPONENT
        gradient = summed(cells.ravel(), slopes.ravel(), len(self.table))
        knot_slope = knot_gradient(gradient[: models * SMOOTH].reshape(models, SMOOTH))
        self.knot_squares += knot_slope**2
        self.knots -= self._rates * knot_slope / np.sqrt(self.knot_squares)
        self._learn_cells(gradient[models * SMOOTH :], cells[-HASHED:].ravel() - models * SMOOTH)
        self._spread()
        self.baskets += 1

    def _learn_cells(self, gradient: Floats, hashed: Integers) -> None:
        """Nearly all crosses are met in any basket, few of the hashed cells: these are found by where they are."""
        shape = (len(self.kinds), CELLS)
        crosses, squares = (part.reshape(shape)[:, :TYPE_SINCE] for part in (self.cells, self.cell_squares))
        slope = gradient.reshape(shape)[:, :TYPE_SINCE]
        squares += slope**2
        crosses -= CELL_RATE * slope / np.sqrt(squares)
        slope = gradient.take(hashed)
        grown = self.cell_squares.take(hashed) + slope**2
        stepped = self.cells.take(hashed) - CELL_RATE * slope / np.sqrt(grown)
        # A cell that is met several times is written as often, each time with the same.
        self.cell_squares[hashed], self.cells[hashed] = grown, stepped

    def table_of(self, kind: MomentKind) -> Floats:
        """The table of one model, as rankers read it."""
        models, model = len(self.kinds), self.kinds.index(kind)
        smooth = self.table[: models * SMOOTH].reshape(models, SMOOTH)[model]
        return np.concatenate((smooth, self.cells.reshape(models, CELLS)[model]))

    def models(self, number: int) -> dict[MomentKind, Model]:
        """Immutable copies of the weights."""
        cells = self.cells.reshape(-1, CELLS)
        return {
            kind: Model(MODEL_NAMES[kind], number, self.knots[model].copy(), cells[model].copy())
            for model, kind in enumerate(self.kinds)
        }

    def parts(self) -> list[object]:
        """Plain values for storage: of cells only those that were ever touched."""
        known = (self.cells != 0) | (self.cell_squares != FIRST_SQUARES)
        arrays = (self.knots, self.knot_squares, self.cells[known], self.cell_squares[known])
        touched = np.packbits(known).tobytes()
        return [list(self.kinds), self.baskets, touched, *(array.astype("<f8").tobytes() for array in arrays)]

    @classmethod
    def from_parts(cls, parts: Sequence[object]) -> "NextBaskets":
        """The models that gave these parts."""
        kinds, baskets, touched, *contents = parts
        models = cls(kinds)  # type: ignore[arg-type]  # as they were written
        knots, knot_squares, cells, cell_squares = (np.frombuffer(bytes(one), "<f8") for one in contents)  # type: ignore[call-overload]  # msgpack gives bytes
        known = np.unpackbits(np.frombuffer(bytes(touched), np.uint8), count=len(models.cells)).astype(np.bool_)  # type: ignore[call-overload]  # msgpack gives bytes
        models._fill(knots, knot_squares)
        models.cells[known], models.cell_squares[known] = cells, cell_squares
        models.baskets = int(str(baskets))
        return models

    @classmethod
    def from_earlier(cls, needs: Mapping[MomentKind, Iterable[object]]) -> "NextBaskets":
        """The models that an earlier release stored one by one, each as [baskets, knots, cells, the squares of both]."""
        models = cls(tuple(needs))
        stored = [[np.frombuffer(bytes(one), "<f8") for one in list(parts)[1:]] for parts in needs.values()]  # type: ignore[call-overload]  # msgpack gives bytes
        knots, cells, knot_squares, cell_squares = (np.concatenate(column) for column in zip(*stored, strict=True))
        models._fill(knots, knot_squares)
        models.cells[:], models.cell_squares[:] = cells, cell_squares
        models.baskets = max(int(str(next(iter(parts)))) for parts in needs.values())
        return models

    def _fill(self, knots: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]) -> None:
        shape = (len(self.kinds), len(FEATURES), KNOTS)
        self.knots, self.knot_squares = knots.reshape(shape).copy(), squares.reshape(shape).copy()
        self._spread()

    def _spread(self) -> None:
        spread(self.knots, self.table[: len(self.kinds) * SMOOTH])
