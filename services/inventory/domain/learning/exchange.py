"""The best set of transfers of one item, exactly where its size allows, and else how far from the best a set may be; pure.

A receiver i saves S_i(u) with u units more (concave), a donor j loses L_j(u) with u less (convex), a unit costs c, a line f; each receiver is
given by one donor (a need has one command). Wanted: max of the sum of S - L - c u - f over lines.

All pairs cost the same, so the flow between donors and receivers needs no network: without f and with any number of donors a receiver, the
min-cost flow is the merge of the receivers' savings, best first, with the donors' losses, least first. With each S_i - f replaced by its
least concave majorant (the hull from nothing), that flow is a bound above every set of transfers. Where the bound is met the set is
optimal; else, for few receivers, all ways to share them among donors are tried: V_j(R) is what donor j gains on the receivers R (greedy by
marginal gain, exact because S is concave and L convex), and the best partition is found by dynamic programming over subsets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from services.inventory.domain.distribution import FloatArray

GREATEST_RECEIVERS = 8
GREATEST_SHARES = 2_000
"""Donors times subsets of receivers that are tried at most."""
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanges:
    """What could be moved: marginal savings of each receiver (falling) and losses of each donor (rising), one a unit."""

    saved: Mapping[int, FloatArray]
    lost: Mapping[int, FloatArray]
    """As many as the donor may give."""
    unit_cost: float
    line_cost: float


@dataclass(frozen=True, slots=True)
class Line:
    """`units` from one place to another."""

    donor: int
    receiver: int
    units: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A set of transfers, what it gains, and what no other set can gain more by."""

    lines: tuple[Line, ...]
    gain: float
    gap: float

    @property
    def is_exact(self) -> bool:
        """Whether no other set gains more."""
        return self.gap <= _SAME


NOTHING = Plan((), 0.0, 0.0)


def best_exchange(could: Exchanges, lines: Sequence[Line]) -> Plan:
    """The best set, never worse than `lines` (which must be a set that is allowed) nor than moving nothing."""
    given = Plan(tuple(lines), gain_of(could, lines), 0.0)
    start = given if given.gain > 0 else NOTHING
    bound = upper_bound(could)
    if bound - start.gain <= _SAME:
        return Plan(start.lines, start.gain, 0.0)
    receivers = [place for place, saved in sorted(could.saved.items()) if len(saved) and _alone(could, place) > 0]
    shares = len(could.lost) << len(receivers)
    if len(receivers) > GREATEST_RECEIVERS or shares > GREATEST_SHARES:
        return Plan(start.lines, start.gain, max(bound - start.gain, 0.0))
    found = _partitioned(could, receivers)
    return found if found.gain > start.gain + _SAME else Plan(start.lines, start.gain, 0.0)


def gain_of(could: Exchanges, lines: Sequence[Line]) -> float:
    """What a set gains: savings less losses less costs. Units of a donor are lost in the order of its lines, whatever that is."""
    total, given = 0.0, dict[int, int]()
    for line in lines:
        begun = given.get(line.donor, 0)
        given[line.donor] = begun + line.units
        total += float(could.saved[line.receiver][: line.units].sum())
        total -= float(could.lost[line.donor][begun : begun + line.units].sum())
        total -= could.unit_cost * line.units + could.line_cost
    return total


def upper_bound(could: Exchanges) -> float:
    """No allowed set of transfers gains more than this."""
    savings = sorted((slope for saved in could.saved.values() for slope in _hull(saved, could.line_cost)), reverse=True)
    losses = sorted(float(loss) for lost in could.lost.values() for loss in lost.tolist())
    gains = (saving - loss - could.unit_cost for saving, loss in zip(savings, losses, strict=False))
    return sum(gain for gain in gains if gain > 0)


def _hull(saved: FloatArray, line_cost: float) -> Iterator[float]:
    """The slopes of the least concave majorant of u -> S(u) - f for u > 0, 0 at 0: the first units carry the line together."""
    total, best, units = -line_cost, float("-inf"), 0
    for count, saving in enumerate(saved.tolist(), 1):
        total += saving
        if total / count > best + _SAME:
            best, units = total / count, count
    yield from [best] * units
    yield from saved[units:].tolist()


def _alone(could: Exchanges, receiver: int) -> float:
    """What a receiver could gain at most: with the cheapest units of any donor."""
    least = min((lost for lost in could.lost.values() if len(lost)), key=lambda lost: float(lost[0]), default=None)
    if least is None:
        return 0.0
    each = could.saved[receiver] - float(least[0]) - could.unit_cost
    return float(each.clip(min=0.0).sum()) - could.line_cost


def _partitioned(could: Exchanges, receivers: Sequence[int]) -> Plan:
    """The best way to share the receivers among the donors."""
    everybody = (1 << len(receivers)) - 1
    best: dict[int, tuple[float, tuple[Line, ...]]] = {0: (0.0, ())}
    for donor in sorted(could.lost):
        own = {}
        for subset in range(1, everybody + 1):
            gain, lines = _shared(could, donor, [receivers[bit] for bit in range(len(receivers)) if subset >> bit & 1])
            if gain > _SAME:
                own[subset] = (gain, lines)
        better = dict(best)
        for taken, (gain, lines) in best.items():
            for subset, (more, own_lines) in own.items():
                joined = taken | subset
                if not taken & subset and gain + more > better.get(joined, (-1.0, ()))[0] + _SAME:
                    better[joined] = (gain + more, (*lines, *own_lines))
        best = better
    gain, lines = max(best.values(), key=lambda one: one[0])
    return Plan(lines, gain, 0.0)


def _shared(could: Exchanges, donor: int, receivers: Sequence[int]) -> tuple[float, tuple[Line, ...]]:
    """What one donor gains on exactly these receivers: a unit each first, then unit by unit where it is worth most."""
    lost = could.lost[donor].tolist()
    if len(receivers) > len(lost):
        return 0.0, ()
    units = dict.fromkeys(receivers, 1)
    gain = sum(float(could.saved[place][0]) for place in receivers) - could.line_cost * len(receivers)
    gain -= sum(lost[: len(receivers)]) + could.unit_cost * len(receivers)
    waiting = [(-float(could.saved[place][1]), place) for place in receivers if len(could.saved[place]) > 1]
    heapify(waiting)
    for loss in lost[len(receivers) :]:
        if not waiting or -waiting[0][0] - loss - could.unit_cost <= 0:
            break
        saving, place = heappop(waiting)
        gain += -saving - loss - could.unit_cost
        units[place] += 1
        if units[place] < len(could.saved[place]):
            heappush(waiting, (-float(could.saved[place][units[place]]), place))
    return gain, tuple(Line(donor, place, units[place]) for place in receivers)
