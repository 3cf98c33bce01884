"""The trips of customers who are known by sketches, side by side, each with the trip that ends now; sketched.py asks.

The numbers are those that Together.of has of the same trips, all worked out at once: sums over trips are added in another order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.ranking.history import TRIP_MEMORY, USUAL_TRIP_GAP_DAYS, Floats, Habits, Trips
from libs.ranking.sketch import Sketch
from libs.ranking.state import DAY_SECONDS, Integers, Moment
from libs.ranking.together import Moments, Together, askers_of, before

_FADING = np.power(TRIP_MEMORY, np.arange(1 << 10))  # by how many trips came after; then it is nothing


@dataclass(frozen=True, slots=True)
class PosedBySketch:
    """Who asks, when and where, with what in hand: as ranker.Posed, by a sketch of the state."""

    sketch: Sketch
    moment: Moment
    basket_in_hand: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class InHand:
    """A trip that ends now: what of it the sketch can name, by number, and what else. Empty where there is none."""

    numbers: Sequence[int]
    others: Sequence[str]

    @classmethod
    def of(cls, posed: PosedBySketch) -> "InHand":
        """The items of a basket."""
        if not posed.basket_in_hand:
            return _NOTHING
        items, names = set(posed.basket_in_hand), posed.sketch.items
        known = items.intersection(names)
        return cls(sorted(map(names.index, known)), sorted(items - known))

    def __len__(self) -> int:
        return len(self.numbers) + len(self.others)


_NOTHING = InHand((), ())


def trips_together(posed: Sequence[PosedBySketch], in_hand: Sequence[InHand], candidates: Integers) -> Together:
    """All the trips, of customers who have so many candidates each."""
    sketches = [one.sketch for one in posed]
    ending = np.array([len(one) > 0 for one in in_hand])
    visits = np.array([one.visits for one in sketches]) + ending
    owned = np.array([len(one.items) for one in sketches])
    first_visits = before(visits)
    moments, store_numbers = _moments(posed, ending.tolist())
    trips = _trips(posed, in_hand, _Ends.of(first_visits, visits, ending), store_numbers, before(owned))
    habits = Habits.of(trips, int(owned.sum()))
    known = visits > 0
    usual_size, gap_days = _usual(trips.sizes, habits.days, first_visits[known], visits[known])
    lasts = (first_visits + visits - 1)[known]
    return Together(
        moments=moments,
        owned=owned,
        candidates=candidates,
        trips=trips,
        habits=habits,
        visits=visits,
        first_visits=first_visits,
        usual_size=_where(known, usual_size, 1.0),
        trip_gap_days=_where(known, gap_days, USUAL_TRIP_GAP_DAYS),
        first_day=_where(known, habits.days[first_visits[known]], -np.inf),
        last_day=_where(known, habits.days[lasts], -np.inf),
        askers=askers_of(visits, owned, candidates),
    )


@dataclass(frozen=True, slots=True)
class _Ends:
    """Which of all visits end now, and which were known before."""

    first_visits: Integers
    new: Integers
    known: Integers

    @classmethod
    def of(cls, first_visits: Integers, visits: Integers, ending: npt.NDArray[np.bool_]) -> "_Ends":
        new = (first_visits + visits - 1)[ending]
        is_known = np.ones(int(visits.sum()), np.bool_)
        is_known[new] = False
        return cls(first_visits, new, np.flatnonzero(is_known))

    def joined(self, parts: Sequence[Integers], new: Sequence[int]) -> Integers:
        """What was known of visits, customer by customer, and what is new, each in its place."""
        values = np.empty(len(self.known) + len(self.new), np.int64)
        values[self.known] = np.concatenate(parts)
        values[self.new] = new
        return values


def _moments(posed: Sequence[PosedBySketch], ending: Sequence[bool]) -> tuple[Moments, Sequence[int]]:
    """With the number of each store; one that the customer never was in before has -1, and so has a trip that ends there now."""
    stores = []
    for one in posed:
        names, store = one.sketch.store_names, one.moment.store_id
        stores.append(names.index(store) if store in names else -1)
    asked = Moments(
        at_days=np.array([[one.moment.at_seconds for one in posed]]) / DAY_SECONDS,
        offset_days=np.array([[one.moment.utc_offset_minutes for one in posed]]) / 1440,
        at_till=np.array([[ends or one.moment.kind == "till" for one, ends in zip(posed, ending, strict=True)]]),
        stores=np.array([stores]),
    )
    return asked, stores


def _trips(
    posed: Sequence[PosedBySketch],
    in_hand: Sequence[InHand],
    ends: _Ends,
    stores: Sequence[int],
    first_items: Integers,
) -> Trips:
    """Lines that are in hand come after all others, which is the order of time within each customer's."""
    sketches = [one.sketch for one in posed]
    new = [(one.moment, store, len(hand)) for one, store, hand in zip(posed, stores, in_hand, strict=True) if len(hand)]
    lines = [len(one.line_items) for one in sketches]
    numbers = [hand.numbers for hand in in_hand if len(hand)]
    now = np.array([number for each in numbers for number in each], np.int64)
    askers = np.repeat(np.flatnonzero([len(hand) for hand in in_hand]), [len(each) for each in numbers])
    return Trips(
        at_seconds=ends.joined([one.at_seconds for one in sketches], [moment.at_seconds for moment, *_ in new]),
        utc_offset_minutes=ends.joined(
            [one.utc_offset_minutes for one in sketches], [moment.utc_offset_minutes for moment, *_ in new]
        ),
        stores=ends.joined([one.stores for one in sketches], [store for _, store, _ in new]),
        sizes=ends.joined([one.sizes for one in sketches], [size for *_, size in new]),
        line_visits=np.concatenate(
            (
                np.concatenate([one.line_visits for one in sketches]) + np.repeat(ends.first_visits, lines),
                np.repeat(ends.new, [len(each) for each in numbers]),
            )
        ),
        line_items=np.concatenate(
            (
                np.concatenate([one.line_items for one in sketches]) + np.repeat(first_items, lines),
                now + first_items[askers],
            )
        ),
    )


def _usual(sizes: Integers, days: Floats, firsts: Integers, visits: Integers) -> tuple[Floats, Floats]:
    """Of customers with trips: how many items these bring, and the days between them; the newest weigh most."""
    later = np.repeat(firsts + visits - 1, visits) - np.arange(len(sizes))
    weights = _FADING.take(later, mode="clip")
    usual_size = np.add.reduceat(sizes * weights, firsts) / np.add.reduceat(weights, firsts)
    gaps = np.zeros(len(days))
    np.subtract(days[1:], days[:-1], out=gaps[1:])
    gaps[firsts] = weights[firsts] = 0.0
    whole = np.add.reduceat(weights, firsts)
    known = whole > 0
    gap_days = np.full(len(firsts), USUAL_TRIP_GAP_DAYS)
    gap_days[known] = np.add.reduceat(gaps * weights, firsts)[known] / whole[known]
    return usual_size, gap_days


def _where(known: npt.NDArray[np.bool_], values: Floats, else_value: float) -> Floats:
    found = np.full(len(known), else_value)
    found[known] = values
    return found
