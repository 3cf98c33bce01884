"""Moves what would end unsold to stores that will probably sell it in time; used by decisions after transfers to stores in need.

Symbols: W(l) the units of a ladder l that will probably end unsold (spoilage.py). Moving u of the lot that ends on day e from donor i to receiver
j changes the chain's waste by W(l_i) - W(l_i less u) - (W(l_j and u at e) - W(l_j)); it is worth that times what a piece costs.
A move is made where that exceeds `hurdle` times its cost; the best first, each store giving or taking once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.command import Command
from services.inventory.domain.distribution import IntArray
from services.inventory.domain.lanes.sources import Refusals
from services.inventory.domain.ordering.amounts import ordered_by_hand
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.perishing import waste_cents
from services.inventory.domain.ordering.shelf_room import room_units
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.spoilage import Laid, Spoilage, wasted
from services.inventory.domain.stock.lots import LADDER_DAYS
from services.inventory.domain.stock.stock import Rungs
from services.inventory.domain.transfers.drafts import givable_milli, least_day, reroute_of, sent_lot
from services.inventory.domain.transfers.rerouting import hurdle_ratio_of

_UNIT = 1000
GREATEST_MOVE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """What one store would better give away: at most `units` of what ends on `last_day`."""

    place: int
    units: int
    last_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    offer: _Offer
    receiver: int
    units: int
    wasted_units: float
    gain_cents: float


def surplus_moves(
    state: ItemState, now: datetime, around: Surroundings, refusals: Refusals, taken: Collection[int]
) -> Sequence[Command]:
    """Drafts of the moves that pay; `taken` are the places that give or receive already."""
    spoilage = state.spoilage
    each_cents = waste_cents(state.item.facts, around.policy)
    if spoilage is None or not spoilage.surplus_milli.any() or each_cents <= 0 or not around.policy.reroute:
        return ()
    offers = _offers(state, spoilage, now, around, refusals, taken)
    if not offers:
        return ()
    room = room_units(state, now, around.book)
    receivers = [
        place
        for place in range(len(state.item.store_ids))
        if place not in taken and not spoilage.surplus_milli[place] and (room is None or room[place] > 0)
    ]
    moves = [move for offer in offers for move in _pays(state, spoilage, offer, receivers, room, now, around)]
    drafts, busy = [], set[int]()
    for move in sorted(moves, key=lambda one: (-one.gain_cents, one.offer.place, one.receiver)):
        if not busy & {move.offer.place, move.receiver}:
            busy |= {move.offer.place, move.receiver}
            drafts.append(reroute_of(_exchange(state, move, around, each_cents), state, now, around.policy))
    return drafts


def _offers(
    state: ItemState,
    spoilage: Spoilage,
    now: datetime,
    around: Surroundings,
    refusals: Refusals,
    taken: Collection[int],
) -> Sequence[_Offer]:
    by_hand = ordered_by_hand(state.item.facts, state.plan.rate, around.book)
    givable = givable_milli(state, now, around.policy)
    offers = []
    for place in np.flatnonzero(spoilage.surplus_milli).tolist():
        last = sent_lot(state.item.ladder, place, now, around.policy)
        refused = state.item.store_ids[place] in refusals.donors
        if last is None or givable is None or place in taken or by_hand[place] or refused:
            continue
        units = min(int(spoilage.surplus_milli[place]), int(givable[place])) // _UNIT
        if units > 0:
            offers.append(_Offer(place=place, units=min(units, GREATEST_MOVE), last_day=last))
    return offers


def _pays(  # noqa: PLR0913  # one store's offer, and who might take it
    state: ItemState,
    spoilage: Spoilage,
    offer: _Offer,
    receivers: Sequence[int],
    room: IntArray | None,
    now: datetime,
    around: Surroundings,
) -> Sequence[_Move]:
    """For each receiver the number of units that gains most, where it gains anything."""
    units = np.arange(1, offer.units + 1)
    rungs = [tuple(rung for rung in one if rung[0] <= spoilage.today + LADDER_DAYS) for one in spoilage.rungs]
    giving = [
        Laid(offer.place, less(rungs[offer.place], each * _UNIT, least_day(now, around.policy)))
        for each in units.tolist()
    ]
    taking = [
        Laid(place, more(rungs[place], each * _UNIT, offer.last_day))
        for place in receivers
        for each in (0, *units.tolist())
    ]
    found, _ = wasted([Laid(offer.place, rungs[offer.place]), *giving, *taking], state.plan, now)
    spared = found[0] - found[1 : len(units) + 1]
    wasted_there = found[len(units) + 1 :].reshape(len(receivers), len(units) + 1)
    policy = around.policy
    cost = hurdle_ratio_of(state, policy) * (policy.transfer_line_cents + policy.transfer_unit_cents * units)
    each_cents = waste_cents(state.item.facts, policy)
    moves = []
    for row, place in enumerate(receivers):
        fewer = spared - (wasted_there[row, 1:] - wasted_there[row, 0])
        fits = units <= (offer.units if room is None else room[place])
        gain = np.where(fits, fewer * each_cents - cost, -np.inf)
        best = int(np.argmax(gain))
        if gain[best] > 0:
            moves.append(
                _Move(
                    offer=offer,
                    receiver=place,
                    units=best + 1,
                    wasted_units=float(fewer[best]),
                    gain_cents=float(gain[best]),
                )
            )
    return moves


def less(rungs: Rungs, milli: int, least: int) -> Rungs:
    """The ladder without so much of the oldest that lasts until `least`."""
    left = []
    for last, here in rungs:
        gone = min(here, milli) if last >= least else 0
        milli -= gone
        left.append((last, here - gone))
    return tuple(left)


def more(rungs: Rungs, milli: int, last_day: int) -> Rungs:
    """The ladder with so much more that ends on a day."""
    return rungs if not milli else tuple(sorted([*rungs, (last_day, milli)]))


def _exchange(state: ItemState, move: _Move, around: Surroundings, each_cents: float) -> Exchange:
    item, policy = state.item, around.policy
    return Exchange(
        item_id=item.facts.item_id,
        item_name=item.facts.name,
        units=move.units,
        store_id=item.store_ids[move.receiver],
        from_store_id=item.store_ids[move.offer.place],
        donor_free_units=int(state.free_milli[move.offer.place] // _UNIT),
        donor_keep_units=None,
        free_units=int(state.free_milli[move.receiver] // _UNIT),
        coming_units=int(state.in_transit_milli[move.receiver] + state.on_order_milli[move.receiver]) // _UNIT,
        rate=float(state.plan.rate[move.receiver]),
        gap_days=0.0,
        gap_units=0.0,
        saved_cents=move.wasted_units * each_cents,
        donor_loss_cents=0.0,
        cost_cents=float(policy.transfer_line_cents + policy.transfer_unit_cents * move.units),
        hurdle_ratio=hurdle_ratio_of(state, policy),
        currency=item.facts.currency,
        last_day=move.offer.last_day,
        wasted_units=move.wasted_units,
    )
