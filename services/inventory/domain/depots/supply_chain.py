"""Which lanes from depots hold, and in which order places decide: those that are supplied before those that supply them; used by the review."""

from collections.abc import Iterable, Mapping, Sequence

from services.inventory.domain.catalog import ANY_STORE, Lane
from services.inventory.domain.lane_book import LaneBook


def lanes_in_force(lanes: Sequence[Lane]) -> tuple[Sequence[Lane], Mapping[str, str]]:
    """The lanes that hold, and by id why the others do not: no place may supply itself, over however many depots.

    `lanes` come in the order in which they were said; of those that close a circle the one that was said last is set aside. So the
    same facts set the same lanes aside, whatever the order in which they arrived. A circle is one of a category: lanes of different
    categories form none, a lane for all of them belongs to each.
    """
    if not any(lane.depot_id for lane in lanes):
        return lanes, {}
    kept: list[Lane] = []
    aside: dict[str, str] = {}
    for lane in lanes:
        around = _circle(lane, kept)
        if around is None:
            kept.append(lane)
        else:
            aside[lane.lane_id] = f"it closes a circle: {' supplies '.join(around)}"
    return kept, aside


def _circle(lane: Lane, kept: Sequence[Lane]) -> Sequence[str] | None:
    """The places of the circle that this lane would close, beginning with its depot."""
    if lane.depot_id is None or lane.store_id == ANY_STORE:
        return None
    between = [one for one in kept if one.depot_id is not None and one.store_id != ANY_STORE]
    categories = {lane.category} if lane.category else {None, *(one.category for one in between)}
    for category in sorted(categories, key=lambda name: name or ""):
        found = _way(lane.store_id, lane.depot_id, [one for one in between if one.category in {None, category}])
        if found is not None:
            return [lane.depot_id, *found]
    return None


def _way(start: str, end: str, lanes: Sequence[Lane]) -> Sequence[str] | None:
    """The places from `start` down to `end`, None where there is no way."""
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    reached = [start]
    while reached and end not in ways:
        place = reached.pop()
        for lane in lanes:
            if lane.depot_id == place and lane.store_id not in ways:
                ways[lane.store_id] = (*ways[place], lane.store_id)
                reached.append(lane.store_id)
    return ways.get(end)


def lanes_to_depot(book: LaneBook, depot_id: str, category: str) -> Sequence[Lane]:
    """The lanes that can supply a depot, in the order in which they are asked. A depot's lane for all stores leads to stores only."""
    found = [
        lane
        for lane in book.sources(depot_id, category)
        if lane.depot_id is None or (lane.store_id != ANY_STORE and lane.depot_id != depot_id)
    ]
    return found or [book.default]


def echelons(depot_ids: Iterable[str], suppliers: Mapping[str, frozenset[str]]) -> Sequence[Sequence[str]]:
    """The depots in groups: each group after all that it supplies. `suppliers` names the depots that a depot may be supplied by.

    >>> echelons(["south", "main", "north"], {"south": frozenset({"main"}), "north": frozenset({"main"})})
    [['north', 'south'], ['main']]
    """
    left = set(depot_ids)
    groups: list[list[str]] = []
    while left:
        asked = {supplier for depot_id in left for supplier in suppliers.get(depot_id, frozenset())}
        group = sorted(left - asked) or sorted(left)
        groups.append(group)
        left -= set(group)
    return groups
