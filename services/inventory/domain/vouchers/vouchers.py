"""A printed voucher as demand to come: what it adds, on which days, and what its end teaches; called by the handlers of its life.

All sums that are kept of vouchers are sums of `contributions` over what is known of each: in whatever order the facts of a voucher
come and however often, the same facts leave the same sums.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.inventory.domain.stock.shelves import day_of

GREATEST_ITEMS = 20
"""A voucher for more items than this is expected on its category."""

WINDOW_PARTS = 10
"""Into how many parts a voucher's window is cut to learn when it is used."""

_MICRO = 1_000_000


class Promise(Struct, frozen=True, array_like=True, gc=False):
    """What was printed: for what, where, from when to when (seconds since 1970), and the chance that it is used, in millionths."""

    store_id: str
    category: str
    item_ids: tuple[str, ...]
    valid_from: int
    expires_at: int
    expected_micro: int

    @property
    def days(self) -> tuple[int, int]:
        """The first and the last UTC day."""
        return self.valid_from // 86_400, self.expires_at // 86_400

    def part_of(self, at_seconds: int) -> int:
        """In which part of its window a moment lies; outside of it, in the nearest."""
        length = max(self.expires_at - self.valid_from, 1)
        return min(max((at_seconds - self.valid_from) * WINDOW_PARTS // length, 0), WINDOW_PARTS - 1)


class Standing(Struct, frozen=True, array_like=True, gc=False):
    """All that was heard of one voucher; without a promise its issue has not been heard of yet."""

    promise: Promise | None = None
    redeemed: dict[str, int] = {}
    """Redemptions with their moment, those taken back included."""
    taken_back: frozenset[str] = frozenset()
    expired: bool = False
    revoked: bool = False
    met_empty: bool | None = None
    """Whether it met an empty shelf; None: nobody can tell, or not yet."""

    @property
    def used_at(self) -> int | None:
        """When it was used, if a redemption stands."""
        standing = [moment for name, moment in self.redeemed.items() if name not in self.taken_back]
        return min(standing, default=None)

    @property
    def open(self) -> bool:
        """Whether it may still be used."""
        return self.promise is not None and not self.expired and not self.revoked and self.used_at is None

    def issued(self, promise: Promise) -> "Standing":
        """The first promise counts; its id names one voucher for good."""
        return self if self.promise is not None else replace(self, promise=promise)

    def used(self, redemption_id: str, at_seconds: int) -> "Standing":
        """A redemption."""
        return replace(self, redeemed={**self.redeemed, redemption_id: at_seconds})

    def rolled_back(self, redemption_id: str) -> "Standing":
        """A redemption taken back."""
        return replace(self, taken_back=self.taken_back | {redemption_id})


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """Where a sum of promises is kept; without an item it is the category's."""

    item_id: str
    category: str
    store_id: str
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True, order=True)
class Lesson:
    """What the ends of a category's vouchers teach: `promised` and `used` in millionths of a unit, `part-N`, `ended`, `met-empty`."""

    category: str
    figure: str


def promise_of(  # what an issue says
    store_id: str,
    category: str,
    item_ids: tuple[str, ...],
    valid: tuple[datetime, datetime],
    ratio: float,
    units: float,
) -> Promise:
    """What an issue promises: `ratio` is the chance that it is used, `units` what it then sells."""
    return Promise(
        store_id=store_id,
        category=category,
        item_ids=item_ids if len(item_ids) <= GREATEST_ITEMS else (),
        valid_from=int(valid[0].timestamp()),
        expires_at=int(valid[1].timestamp()),
        expected_micro=int(ratio * units * _MICRO),
    )


def demand_of(standing: Standing) -> Iterator[tuple[Line, int]]:
    """The lines to which an open voucher adds, with millionths of a unit; several items share evenly."""
    promise = standing.promise
    if promise is None or not standing.open or not promise.expected_micro:
        return
    first, last = promise.days
    if promise.item_ids:
        each = promise.expected_micro // len(promise.item_ids)
        for item_id in promise.item_ids:
            yield Line(item_id, promise.category, promise.store_id, first, last), each
    elif promise.category:
        yield Line("", promise.category, promise.store_id, first, last), promise.expected_micro


def lessons_of(standing: Standing) -> Iterator[tuple[Lesson, int]]:
    """What a voucher that has ended teaches; one that was revoked was never given its chance."""
    promise, used_at = standing.promise, standing.used_at
    if promise is None or standing.open or (used_at is None and standing.revoked):
        return
    yield Lesson(promise.category, "promised"), promise.expected_micro
    if used_at is not None:
        yield Lesson(promise.category, "used"), _MICRO
        yield Lesson(promise.category, f"part-{promise.part_of(used_at)}"), 1
    if used_at is not None or standing.met_empty is not None:
        yield Lesson(promise.category, "ended"), 1
    if standing.met_empty:
        yield Lesson(promise.category, "met-empty"), 1


def change(before: Standing, after: Standing) -> tuple[Counter[Line], Counter[Lesson], int]:
    """What a voucher's new facts change in the sums of lines, of lessons, and in the number of open vouchers of its lines."""
    lines, lessons = Counter(dict(demand_of(after))), Counter(dict(lessons_of(after)))
    lines.subtract(dict(demand_of(before)))
    lessons.subtract(dict(lessons_of(before)))
    return lines, lessons, int(after.open) - int(before.open)


def seconds_of(at: datetime) -> int:
    """Whole seconds since 1970."""
    return int(at.timestamp())


def last_day_of(standing: Standing, heard_at: datetime) -> int:
    """Until when its row is of use; one whose issue was not heard of yet lives as long as a window may."""
    return standing.promise.days[1] if standing.promise is not None else day_of(heard_at) + 366
