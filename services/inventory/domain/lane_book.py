"""Which lane supplies a store and category: the whole book of them, read once a batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.inventory.domain.catalog import ANY_STORE, Lane

DEFAULT_LANE = Lane(lane_id="default", supplier_id="default")
"""Where the catalogue names no lane: two days from order to arrival, every day."""


@dataclass(frozen=True, slots=True)
class LaneBook:
    """Finds the lanes of a store and category, the one to ask first at the head: most specific, then by rank, then by id."""

    lanes: dict[tuple[str, str | None], tuple[Lane, ...]] = field(default_factory=dict)
    default: Lane = DEFAULT_LANE
    _found: dict[tuple[str, str], Lane] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Answers given before: a close asks for every shelf, and many have one category."""
    _names_stores: bool = field(default=True, init=False, repr=False, compare=False)
    """Whether any lane is one of a single store."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names_stores", any(store_id != ANY_STORE for store_id, _ in self.lanes))

    @classmethod
    def of(cls, lanes: Iterable[Lane], default: Lane = DEFAULT_LANE) -> "LaneBook":
        """A book of these lanes."""
        known: dict[tuple[str, str | None], tuple[Lane, ...]] = {}
        for lane in sorted(lanes, key=lambda each: (each.rank, each.lane_id)):
            key = (lane.store_id, lane.category)
            known[key] = (*known.get(key, ()), lane)
        return cls(known, default)

    def find(self, store_id: str, category: str) -> Lane:
        """The lane that supplies this category in this store, unless it says no."""
        asked = (store_id, category)
        found = self._found.get(asked)
        if found is None:
            lanes = next((lanes for key in _keys(store_id, category) if (lanes := self.lanes.get(key))), None)
            found = self._found[asked] = lanes[0] if lanes else self.default
        return found

    def of_shelves(self, store_ids: Sequence[str], category: str) -> Sequence[Lane]:
        """`find` for each of these stores."""
        if not self._names_stores:
            return [self.find(ANY_STORE, category)] * len(store_ids)
        return [self.find(store_id, category) for store_id in store_ids]

    def sources(self, store_id: str, category: str) -> Sequence[Lane]:
        """All lanes that can supply it, in the order in which they are asked; `find` is the first."""
        found = [lane for key in _keys(store_id, category) for lane in self.lanes.get(key, ())]
        return found or [self.default]


def _keys(store_id: str, category: str) -> Sequence[tuple[str, str | None]]:
    return ((store_id, category), (store_id, None), (ANY_STORE, category), (ANY_STORE, None))
