"""Reroute commands from the figures of an exchange; used by decisions, for stores in need and for what would spoil."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.command import Command, Kind, Status, command_id_of
from services.inventory.domain.commands.explanation import explain
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.stock.lots import NEVER
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.stock.stock import Rungs

_UNIT = 1000


def reroute_of(exchange: Exchange, state: ItemState, now: datetime, policy: Policy) -> Command:
    """The draft that asks for an exchange."""
    needed_at = now + timedelta(days=policy.transfer_days)
    return Command(
        command_id=command_id_of(Kind.REROUTE, exchange.item_id, exchange.store_id, needed_at.date()),
        version=1,
        kind=Kind.REROUTE,
        item_id=exchange.item_id,
        store_id=exchange.store_id,
        from_store_id=exchange.from_store_id,
        quantity_milli=exchange.units * _UNIT,
        decided_at=now,
        needed_at=needed_at,
        valid_until=now + timedelta(hours=policy.reroute_validity_hours),
        explanation=explain(exchange),
        status=Status.PROPOSED,
        stake_cents=state.item.facts.worth_cents(exchange.units * _UNIT),
        basis=exchange,
    )


def least_day(now: datetime, policy: Policy) -> int:
    """How long goods must last that leave another store now: a day beyond their arrival."""
    return day_of(now + timedelta(days=policy.transfer_days)) + 1


def givable_milli(state: ItemState, now: datetime, policy: Policy) -> IntArray | None:
    """Of what each store has free, what would not end on the way; None where nothing spoils."""
    if state.item.ladder is None:
        return None
    lasts = [sum(milli for last, milli in rungs if last >= least_day(now, policy)) for rungs in state.item.ladder]
    left: IntArray = np.minimum(np.array(lasts, dtype=np.int64) - state.reserved_milli, state.free_milli)
    return np.maximum(left, 0)


def sent_lot(ladder: Sequence[Rungs] | None, place: int, now: datetime, policy: Policy) -> int | None:
    """The last day of the oldest that may be sent; None where it does not spoil."""
    if ladder is None:
        return None
    lasting = [last for last, milli in ladder[place] if milli > 0 and last >= least_day(now, policy)]
    return None if not lasting or lasting[0] >= NEVER else lasting[0]
