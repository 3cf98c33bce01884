"""Who may still be asked for a need: the lanes of a store in order without those that said no today; used by decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.inventory.domain.catalog import Lane
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.stock.shelves import day_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What an item's commands came to on one day. Tomorrow everybody is asked again."""

    lanes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By store, the lanes that said no."""
    silent: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By store, the lanes that said nothing until it was too late: asked again when no other is left."""
    donors: frozenset[str] = frozenset()
    """Stores that gave nothing when they were asked for this item."""

    def lane_for(self, book: LaneBook, store_id: str, category: str) -> Lane | None:
        """The lane to ask next for a store; None where all said no."""
        return self.next_of(book.sources(store_id, category), store_id)

    def next_of(self, lanes: Sequence[Lane], store_id: str) -> Lane | None:
        """The first of these lanes that has said nothing against it, else the first that was only silent; None where all said no."""
        refused, silent = self.lanes.get(store_id, frozenset()), self.silent.get(store_id, frozenset())
        open_to = [lane for lane in lanes if lane.lane_id not in refused]
        return next((lane for lane in open_to if lane.lane_id not in silent), open_to[0] if open_to else None)


NOBODY_REFUSED = Refusals()


def refusals_of(commands: Iterable[Command], day: int) -> Refusals:
    """Who refused on this day, by the commands of one item."""
    lanes: dict[str, set[str]] = {}
    silent: dict[str, set[str]] = {}
    donors: set[str] = set()
    for command in commands:
        named = set(command.refused) if day_of(command.decided_at) == day else set()
        ended_today = day_of(command.changed_at or command.decided_at) == day
        failed = command.status if ended_today and command.source is not None else None
        if command.kind is Kind.REROUTE:
            donors |= named | ({str(command.source)} if failed in {Status.REJECTED, Status.EXPIRED} else set())
            continue
        if named or failed is Status.REJECTED:
            refused = lanes.setdefault(command.store_id, set())
            refused |= named | ({str(command.source)} if failed is Status.REJECTED else set())
        if failed is Status.EXPIRED:
            silent.setdefault(command.store_id, set()).add(str(command.source))
    if not lanes and not silent and not donors:
        return NOBODY_REFUSED
    return Refusals(
        lanes={store_id: frozenset(found) for store_id, found in lanes.items()},
        silent={store_id: frozenset(found) for store_id, found in silent.items()},
        donors=frozenset(donors),
    )
