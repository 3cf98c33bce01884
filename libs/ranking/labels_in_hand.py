"""Categories and types of customers who are known by sketches, side by side, with what they have in hand; sketched.py asks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from libs.ranking.crowd import Crowd
from libs.ranking.history import summed
from libs.ranking.likeness import FADED_35, FADED_120, Weighted
from libs.ranking.measured import Labelled
from libs.ranking.population import Booleans
from libs.ranking.sketch import Sketch
from libs.ranking.state import Integers
from libs.ranking.together import Together, before
from libs.ranking.trips_in_hand import InHand

_HASH_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsSideBySide:
    """Labels are numbered through: those of the sketches, one customer after the other, then new ones of what is in hand.

    `keys` tell them by customer, sort and hash; each of the two parts ascends. Lines are all that was bought, by (category, type) and
    trip. `own_hashes` are those of the items that can be named, and `in_hand` which of these are in hand.
    """

    keys: tuple[Integers, Integers]
    own: Integers
    own_hashes: Integers
    in_hand: Integers
    lines: Integers
    line_visits: Integers
    last: Integers
    items: Integers

    @classmethod
    def of(
        cls, sketches: Sequence[Sketch], in_hand: Sequence[InHand], others: Integers, together: Together, crowd: Crowd
    ) -> "LabelsSideBySide":
        """Those of all the questions, one a sketch; `others` are the rows of what is in hand and can't be named."""
        sizes = np.array([[len(one.label_hashes), len(one.items), len(one.rest_hashes)] for one in sketches]).T
        first_label, first_item, first_rest = (before(each) for each in sizes)
        newest = together.first_visits + together.visits - 1
        hashes = np.concatenate([one.label_hashes for one in sketches]).astype(np.int64)
        sorts = [count for one in sketches for count in (one.categories, len(one.label_hashes) - one.categories)]
        keys = hashes + (np.arange(len(sorts)) << _HASH_BITS).repeat(sorts)
        own = _of_all([one.item_labels for one in sketches], first_label, sizes[1])
        rest = _of_all([one.rest_labels for one in sketches], first_label, sizes[2])
        unnamed = _Others.of(sketches, in_hand, others, (keys, rest), crowd)
        known = np.array([number for one in in_hand for number in one.numbers], np.int64)
        known_askers = np.repeat(np.arange(len(sketches)), [len(one.numbers) for one in in_hand])
        known += first_item[known_askers]
        rest_lines = [len(one.rest_items) for one in sketches]
        rest_items = np.concatenate([one.rest_items for one in sketches]) + np.repeat(first_rest, rest_lines)
        rest_visits = np.concatenate([one.rest_visits for one in sketches]) + np.repeat(
            together.first_visits, rest_lines
        )
        size = len(keys) + len(unnamed.keys) + 1
        last, items = np.full(size, -1), np.zeros(size, np.int64)
        last[: len(keys)] = np.concatenate([one.label_visits for one in sketches]) + np.repeat(
            together.first_visits, sizes[0]
        )
        last[own[:, known]] = newest[known_askers]
        last[unnamed.labels] = newest[unnamed.askers]
        items[: len(keys)] = np.concatenate([one.label_items for one in sketches])
        items += np.bincount(unnamed.labels[:, unnamed.new].ravel(), minlength=size)
        return cls(
            keys=(keys, unnamed.keys),
            own=own,
            own_hashes=hashes[own],
            in_hand=known,
            lines=np.concatenate((own[:, together.trips.line_items], rest[:, rest_items], unnamed.labels), axis=1),
            line_visits=np.concatenate((together.trips.line_visits, rest_visits, newest[unnamed.askers])),
            last=last,
            items=items,
        )

    def labelled(self, weighted: Weighted, popular_hashes: Integers) -> Labelled:
        """With the popular candidates of all, by the hashes of their labels, (2 x candidates)."""
        together, size = weighted.together, len(self.items)
        counts = together.candidates - together.owned
        wanted = popular_hashes + _both_sorts(np.repeat(np.arange(len(counts)), counts))
        popular = _found(self.keys[0], wanted)
        missing = popular < 0
        new = _found(self.keys[1], wanted[missing])
        popular[missing] = np.where(new < 0, size - 1, new + len(self.keys[0]))  # the last label is nobody's
        weights = weighted.visits[FADED_35 : FADED_120 + 1, 0].take(self.line_visits, axis=1)
        labels = self.lines.ravel()
        faded = np.stack([summed(labels, np.concatenate((each, each)), size) for each in weights])
        return Labelled(np.concatenate((self.own, popular), axis=1), faded[:, None], self.last, self.items)


@dataclass(frozen=True, slots=True)
class _Others:
    """What is in hand and can't be named: whose, its labels (2 x items), whether it was never bought before, and labels nobody had."""

    askers: Integers
    labels: Integers
    new: Booleans
    keys: Integers

    @classmethod
    def of(
        cls,
        sketches: Sequence[Sketch],
        in_hand: Sequence[InHand],
        rows: Integers,
        known: tuple[Integers, Integers],
        crowd: Crowd,
    ) -> "_Others":
        """`rows` are those of all of it, `known` the keys of labels that are known, and the labels of the rest."""
        keys, rest = known
        askers = np.repeat(np.arange(len(in_hand)), [len(one.others) for one in in_hand])
        hashes = crowd.hashes_of([name for one in in_hand for name in one.others], rows) + (askers << _HASH_BITS)
        rest_askers = np.repeat(np.arange(len(sketches)), [len(one.rest_hashes) for one in sketches])
        rest_keys = np.concatenate([one.rest_hashes for one in sketches]) + (rest_askers << _HASH_BITS)
        place = _found(rest_keys, hashes)
        new, labels = place < 0, np.empty((2, len(rows)), np.int64)
        labels[:, ~new] = rest[:, place[~new]]
        wanted = crowd.label_hashes(rows[new]) + _both_sorts(askers[new])
        numbers = _found(keys, wanted)
        missing = numbers < 0
        new_keys, new_numbers = np.unique(wanted[missing], return_inverse=True)
        numbers[missing] = new_numbers + len(keys)
        labels[:, new] = numbers
        return cls(askers, labels, new, new_keys)


def _of_all(labels: Sequence[Integers], first: Integers, counts: Integers) -> Integers:
    return np.concatenate(labels, axis=1) + np.repeat(first, counts)


def _both_sorts(askers: Integers) -> Integers:
    return np.stack((2 * askers, 2 * askers + 1)) << _HASH_BITS


def _found(ascending: Integers, wanted: Integers) -> Integers:
    """Where each is; -1 where it is not."""
    if not len(ascending):
        return np.full(wanted.shape, -1)
    places = np.searchsorted(ascending, wanted)
    places[places == len(ascending)] = 0
    places[ascending[places] != wanted] = -1
    return np.asarray(places)
