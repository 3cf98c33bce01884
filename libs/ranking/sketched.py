"""The candidates of customers who are known by sketches, right after a receipt, with the features that they have by the whole state.

Formulas are those of features.py. What is summed over a category or a type is added trip by trip here and item by item there, so that
sums may differ in the last bit before they are cut into levels. Labels that the population never met are told apart here, and are one
label there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from libs.ranking import population as columns
from libs.ranking.crowd import Crowd
from libs.ranking.features import POPULAR_CANDIDATES, Levels, levels_of
from libs.ranking.history import Floats
from libs.ranking.labels_in_hand import LabelsSideBySide
from libs.ranking.likeness import FADED_120, Weighted
from libs.ranking.measured import measured
from libs.ranking.population import numbers_in
from libs.ranking.schema import CATEGORY_SLOTS, TYPE_SLOTS
from libs.ranking.sketch import Sketch
from libs.ranking.state import Integers
from libs.ranking.together import Number, joined
from libs.ranking.trips_in_hand import InHand, PosedBySketch, trips_together

POPULAR_BESIDE_MANY = 8
"""So many popular items are candidates where not even all of a customer's own are."""
AGAIN_WITHIN_TRIPS = 2.0  # an item in hand may be named again when it is bought at least every other trip


@dataclass(frozen=True, slots=True)
class Sketched:
    """The candidates of several: what they bought before, customer by customer, then popular items, customer by customer.

    `allowed` are those not in hand, or bought so often that they may be named again.
    """

    crowd: Crowd
    posed: Sequence[PosedBySketch]
    rows: Integers
    counts: Sequence[tuple[int, int]]
    """Of each customer: how many were bought before, and how many are popular."""
    levels: Levels
    faded_120: Floats
    popularity: Floats
    category_slots: Integers
    type_slots: Integers
    allowed: columns.Booleans

    @property
    def owned(self) -> int:
        """How many were bought before, by all."""
        return sum(owned for owned, _ in self.counts)

    def each(self) -> Iterator["OfOne"]:
        """The candidates of each customer."""
        end, popular_end = 0, self.owned
        for one, (owned, popular) in zip(self.posed, self.counts, strict=True):
            begin, end = end, end + owned
            popular_begin, popular_end = popular_end, popular_end + popular
            yield OfOne(self, one.sketch, slice(begin, end), slice(popular_begin, popular_end))


@dataclass(frozen=True, slots=True)
class OfOne:
    """Where the candidates of one customer are: those bought before, then the popular ones."""

    all: Sketched
    sketch: Sketch
    own: slice
    popular: slice

    def of(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Of values (... x candidates), this one's."""
        return np.concatenate((values[..., self.own], values[..., self.popular]), axis=-1)

    def name(self, place: int) -> str:
        """The item of one of them."""
        own = self.sketch.items
        if place < len(own):
            return own[place]
        row = int(self.all.rows[self.popular.start + place - len(own)])
        return self.all.crowd.population.item_ids[row]


def candidates_by_sketch(posed: Sequence[PosedBySketch], crowd: Crowd) -> Sketched:
    """The candidates of each, at least one; everybody's are what they are alone."""
    in_hand = [InHand.of(one) for one in posed]
    population = crowd.population
    own = numbers_in(population.row_of, chain.from_iterable([one.sketch.items for one in posed]))
    others = numbers_in(population.row_of, [name for hand in in_hand for name in hand.others])
    popular = _popular(posed, in_hand, (own, others), crowd)
    counts = [(len(one.sketch.items), len(rows)) for one, rows in zip(posed, popular, strict=True)]
    together = trips_together(posed, in_hand, np.array([sum(each) for each in counts]))
    weighted = Weighted.of(together)
    rows = joined([own, *popular])
    stats = population.stats.take(rows, axis=0).T
    fading = columns.fading(population.reference_at_days, weighted.clock.known_at)
    faded = stats[columns.FADED, None] * together.by_candidate(fading)
    popular_labels = crowd.label_hashes(rows[len(own) :])
    labels = LabelsSideBySide.of([one.sketch for one in posed], in_hand, others, together, crowd)
    raw = measured(weighted, stats, faded, labels.labelled(weighted, popular_labels))
    faded_120 = np.zeros(raw.shape[2])
    faded_120[: together.bought] = weighted.counts[FADED_120][0]
    hashes = np.concatenate((labels.own_hashes, popular_labels), axis=1)
    allowed = np.ones(raw.shape[2], np.bool_)
    allowed[labels.in_hand] = together.habits.trips_between()[labels.in_hand] <= AGAIN_WITHIN_TRIPS
    return Sketched(
        crowd=crowd,
        posed=posed,
        rows=rows,
        counts=counts,
        levels=levels_of(raw)[:, 0],
        faded_120=faded_120,
        popularity=faded[1, 0],
        category_slots=hashes[0] % CATEGORY_SLOTS,
        type_slots=hashes[1] % TYPE_SLOTS,
        allowed=allowed,
    )


def _popular(
    posed: Sequence[PosedBySketch], in_hand: Sequence[InHand], bought: tuple[Integers, Integers], crowd: Crowd
) -> Sequence[Integers]:
    """Rows of popular items that each of these has not `bought`, by name, nor has in hand beside them."""
    customers = np.arange(len(posed))
    rests = [one.sketch.rest_hashes for one in posed]
    whose = np.concatenate(
        (
            customers.repeat([len(one.sketch.items) for one in posed]),
            customers.repeat([len(hand.others) for hand in in_hand]),
        )
    )
    hashes = np.concatenate(rests).astype(np.int64), customers.repeat([len(rest) for rest in rests])
    most = [POPULAR_BESIDE_MANY if len(rest) else POPULAR_CANDIDATES for rest in rests]
    return crowd.not_bought((np.concatenate(bought), whose), hashes, most)
