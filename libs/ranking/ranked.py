"""Answers to questions by sketch: items with their scores, best first, and why for who looks; rankers make them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from libs.ranking.history import Floats
from libs.ranking.model import lift_of
from libs.ranking.schema import Group
from libs.ranking.sketched import OfOne, Sketched

REASONS = 3

Reason: TypeAlias = Group
WhyOfOne: TypeAlias = Callable[[int], tuple[Reason, ...]]
Why: TypeAlias = Callable[[OfOne], WhyOfOne]


class Ranked:
    """What somebody may want; `scores` are comparable within one answer."""

    __slots__ = ("_asked", "_places", "_whose", "_why", "item_ids", "scores")

    def __init__(self, item_ids: Sequence[str], scores: Floats, whose: OfOne, places: Sequence[int], why: Why) -> None:
        self.item_ids = item_ids
        self.scores = scores
        self._whose = whose
        self._places = places
        self._why = why
        self._asked: WhyOfOne | None = None

    def why(self, place: int) -> tuple[Reason, ...]:
        """The top drivers of the one at this place."""
        if self._asked is None:
            self._asked = self._why(self._whose)
        return self._asked(self._places[place])


def ranked_each(found: Sketched, scores: Floats, k: int, why: Why) -> list[Ranked]:
    """The k best of each customer's allowed candidates; of equals the earlier one."""
    least_first = np.where(found.allowed, -scores, np.inf)
    ranked = []
    for one in found.each():
        mine = one.of(least_first)
        order = mine.argsort(kind="stable")[:k]
        order = order[: int((mine.take(order) < np.inf).sum())]
        places = order.tolist()
        names = one.sketch.items
        known = len(names)
        item_ids = [names[place] if place < known else one.name(place) for place in places]
        ranked.append(Ranked(item_ids, -mine.take(order), one, places, why))
    return ranked


def top(lift_of: Mapping[Group, float]) -> tuple[Reason, ...]:
    """The groups that lift most, as far as they lift at all."""
    ranked = sorted(lift_of.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(group for group, lift in ranked[:REASONS] if lift > 0)


def explaining(parts: Floats, one: OfOne) -> WhyOfOne:
    """By the parts of the scores of all candidates of all customers; what its reasons have in common is worked out here."""
    mine = one.of(parts)
    means = np.add.reduce(mine, axis=1) / mine.shape[1]
    return lambda place: top(lift_of(mine[:, place] - means))
