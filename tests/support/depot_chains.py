"""Items that depots hold and the lanes around them: builders for laws of echelons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.inventory.domain.catalog import Lane
from services.inventory.domain.depots.supply_chain import lanes_in_force
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.reviewing.review import Outcome, review
from services.inventory.domain.stock.shelves import DepotShelf, ItemView, Levels
from tests.support.inventory_events import an_item_view, at

SELLS = [2, 1, 0, 3, 1, 2, 0, 1, 2, 1]
NOW = at(9.9)


def from_depot(depot_id: str, store_id: str = "*", *, hours: int = 24, rank: int = 0) -> Lane:
    """A lane that begins at a depot."""
    lane_id = f"{depot_id}-{'all' if store_id == '*' else store_id}"
    return Lane(
        lane_id=lane_id, supplier_id=depot_id, store_id=store_id, lead_time_hours=hours, rank=rank, depot_id=depot_id
    )


def from_supplier(store_id: str, *, lane_id: str = "supplier", hours: int = 72, rank: int = 0) -> Lane:
    """A lane that begins outside."""
    return Lane(lane_id=lane_id, supplier_id="dairy", store_id=store_id, lead_time_hours=hours, rank=rank)


def an_item_in_depots(
    on_hand: Mapping[str, int],
    depots: Mapping[str, int],
    *,
    pack: int = 1,
    price_cents: int = 800,
    sells: Sequence[int] = SELLS,
) -> ItemView:
    """An item with whole units in stores and depots."""
    view = an_item_view(on_hand, dict.fromkeys(on_hand, sells), pack=pack, price_cents=price_cents)
    shelves = [DepotShelf(depot_id=name, on_hand_milli=units * 1000) for name, units in sorted(depots.items())]
    return replace(view, depots=shelves)


def around_depots(*lanes: Lane, policy: Policy | None = None) -> Surroundings:
    """These lanes, as far as they hold."""
    book = LaneBook.of(lanes_in_force(lanes)[0])
    return Surroundings(levels=Levels(), lanes=book, policy=policy or Policy(reroute=False))


def decided(item: ItemView, around: Surroundings) -> Outcome:
    """What one review comes to."""
    return review([item], NOW, around)
