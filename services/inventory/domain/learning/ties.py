"""What the close of a batch is told of links between its items, as places of items in the batch; laid out by the handlers' domain."""

from collections.abc import Sequence
from dataclasses import dataclass

_PRIOR_WEIGHT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An item that will sell `ratio` times what its references sell, on average."""

    item: int
    references: Sequence[int]
    ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitutes:
    """Items that stand in for each other. `served` and `missed` are the weighted sums of what was learned (substitution.py)."""

    link_id: str
    items: Sequence[int]
    stated_ratio: float | None = None
    served: float = 0.0
    missed: float = 0.0

    @property
    def ratio(self) -> float:
        """The share of what one of them misses that the others sell instead: as stated, else as learned; none while nothing was seen."""
        if self.stated_ratio is not None:
            return self.stated_ratio
        return min(max(self.served / (self.missed + _PRIOR_WEIGHT), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Ties:
    """All of a batch."""

    looks: Sequence[Look] = ()
    sets: Sequence[Substitutes] = ()


NO_TIES = Ties()
