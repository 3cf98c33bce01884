"""When profile's word on its snapshots has become true of the copies here; asked by the worker's watch over the feed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Whatever the door accepted before `complete_until` lies below these ends, which were asked for after it was said."""

    complete_until: datetime
    incarnation: str
    ends: Mapping[Place, int]

    def kept(self, stored: Mapping[Place, int]) -> bool:
        """Whether all of it is applied: one partition that is behind may hold the withdrawal of anybody."""
        return all(stored.get(place, 0) >= end for place, end in self.ends.items())
