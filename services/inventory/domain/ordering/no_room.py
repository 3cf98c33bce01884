"""The alarm of a shelf that is short and has no room for an order: a person is told, nothing is asked of anybody; used by decisions."""

from datetime import datetime

from libs.common.ids import derived_id
from services.inventory.domain.commands.basis import Need
from services.inventory.domain.commands.command import Command, Kind, Status
from services.inventory.domain.measure import money, plain
from services.inventory.domain.ordering.amounts import Due
from services.inventory.domain.ordering.items import ItemState

NO_ROOM = "no-room"


def no_room(state: ItemState, need: Need, due: Due, now: datetime) -> tuple[Command, str] | None:
    """A command that is never sent, with its alarm and why; None where one of this shelf is open or was put away today.

    It is over from its birth, so that nothing is netted of it: as soon as a pack fits, the order goes out as if nothing had been said.
    """
    known = [one for one in state.commands.values() if one.store_id == need.store_id and one.alarm == NO_ROOM]
    needed_on = need.arrives_at.date()
    command_id = derived_id("command", NO_ROOM, need.item_id, need.store_id, needed_on.isoformat())
    if any(one.needed_at >= now for one in known) or command_id in state.commands:
        return None
    packs = max(due.limits.least_packs, 1)
    holds, here = plain(due.limits.bound_milli or 0), plain(need.position_milli)
    reason = (
        f"no room for an order: the shelf holds {holds}, {here} are here or coming, the least order is "
        f"{plain(packs * need.pack_milli)}; sales worth {money(need.missed_cents, need.currency)} of margin are missed "
        f"without one"
    )
    command = Command(
        command_id=command_id,
        version=1,
        kind=Kind.REORDER,
        item_id=need.item_id,
        store_id=need.store_id,
        supplier_id=need.supplier_id,
        lane_id=need.lane_id,
        quantity_milli=packs * need.pack_milli,
        packs=packs,
        decided_at=now,
        needed_at=need.arrives_at,
        valid_until=now,
        explanation=f"Nothing of {need.item_id} is ordered for store {need.store_id}: {reason}.",
        status=Status.CANCELLED,
        attempts=0,
        alarm=NO_ROOM,
        stake_cents=int(need.missed_cents),
    )
    return command, reason
