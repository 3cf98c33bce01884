"""Lead times of lanes: deliveries are counted as they come, and learned once a day at its close."""

from collections.abc import Sequence

from services.inventory.domain.commands.command import Command, Kind
from services.inventory.domain.lead_times import learn
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.stock.stock import Movement
from services.inventory.ports import InventoryStore
from services.inventory.ports.lead_times import Delivered

KEPT_DAYS = 400
"""Arrivals older than this weigh less than a hundredth."""
_HOUR_SECONDS = 3600


async def note_deliveries(store: InventoryStore, booked: Sequence[tuple[Command, Movement]]) -> None:
    """Count what came for orders in their stores, by how late it came; in the transaction that books it."""
    await store.lead_times.arrived(
        [_delivered(command, movement) for command, movement in booked if _is_one(command, movement)]
    )


async def learn_lead_times(store: InventoryStore, day: int) -> None:
    """Learn every lane's lead time as of the close of `day`, once: all batches of the close see the same."""
    if await store.lead_times.learned(day):
        return
    found = await store.lead_times.arrivals(day)
    await store.lead_times.keep(
        day, {lane_id: learn(arrivals, day, stated) for lane_id, (stated, arrivals) in found.items()}
    )
    await store.lead_times.forget(list(found), day - KEPT_DAYS)


def _is_one(command: Command, movement: Movement) -> bool:
    came_in = movement.store_id == command.store_id and movement.change_milli > 0
    return command.kind is Kind.REORDER and command.lane_id is not None and came_in


def _delivered(command: Command, movement: Movement) -> Delivered:
    late_seconds = (movement.at - command.needed_at).total_seconds()
    return Delivered(
        lane_id=command.lane_id or "", due_day=day_of(command.needed_at), late_hours=int(late_seconds // _HOUR_SECONDS)
    )
