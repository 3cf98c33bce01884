"""A population that changes no more, made ready for questions about customers who are known by sketches; offers makes one per model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from libs.ranking.features import POPULAR_CANDIDATES
from libs.ranking.population import UNKNOWN, PopulationState
from libs.ranking.sketch import hash_of
from libs.ranking.state import ITEMS_KEPT, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """What all customers want, by hash where sketches know no more."""

    population: PopulationState
    popular: Integers
    """Rows, the most popular first: as many as somebody needs who bought most of them."""
    place_of_row: Integers
    """Where a row is among them; beyond the last where it is not."""
    popular_hashes: Integers
    """Ascending."""
    popular_places: Integers
    """Of these."""
    item_hashes: Integers
    """By row."""

    @classmethod
    def of(cls, population: PopulationState) -> Self:
        """Takes milliseconds for thousands of items."""
        popular = population.popular[: POPULAR_CANDIDATES + ITEMS_KEPT]
        places = np.full(len(population.item_ids), len(popular))
        places[popular] = np.arange(len(popular))
        item_hashes = np.array(list(map(hash_of, population.item_ids)), np.int64)
        hashes = item_hashes[popular]
        order = np.argsort(hashes, kind="stable")
        return cls(population, popular, places, hashes[order], order, item_hashes)

    def hashes_of(self, names: Sequence[str], rows: Integers) -> Integers:
        """What stands for names whose rows are known."""
        hashes = self.item_hashes.take(rows)
        for place in np.flatnonzero(rows == UNKNOWN).tolist():
            hashes[place] = hash_of(names[place])
        return hashes

    def not_bought(
        self, rows: tuple[Integers, Integers], hashes: tuple[Integers, Integers], most: Sequence[int]
    ) -> Sequence[Integers]:
        """For each customer the most popular rows, so many at most, but for those bought: each with its customer, by row or by hash."""
        places = len(self.popular)
        is_open = np.ones((len(most), places + 1), np.bool_)
        is_open[rows[1], self.place_of_row.take(rows[0])] = False
        if places:
            found = self.popular_hashes.searchsorted(hashes[0])
            found[found == places] = 0
            matches = self.popular_hashes.take(found) == hashes[0]
            is_open[hashes[1][matches], self.popular_places[found[matches]]] = False
        return [self.popular[one.nonzero()[0][:some]] for one, some in zip(is_open[:, :-1], most, strict=True)]

    def label_hashes(self, rows: Integers) -> Integers:
        """Of category and type, (2 x rows)."""
        state = self.population
        return np.stack(
            (
                state.categories.hashes(state.category_codes[rows]),
                state.types.hashes(state.type_codes[rows]),
            )
        )
