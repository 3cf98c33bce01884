"""Says in plain words why a command was given: what, policy, inputs, forecast, the formula's result, and what happens without it.

Every figure in the words is a field of the basis (basis.py), or follows from figures before it as the words say. Sums are of the figures
as they are shown, rounding included, so that whoever doubts them can calculate along.
"""

from services.inventory.domain.commands.basis import Basis, DepotNeed, Need
from services.inventory.domain.commands.depot_words import depot_forecast, depot_policy, depot_without
from services.inventory.domain.commands.lot_words import spoiling
from services.inventory.domain.commands.move_words import explain_reroute
from services.inventory.domain.commands.phrases import cuts, goods, lasting, plural, refused
from services.inventory.domain.measure import MILLI, money, plain

_LEAST_SHOWN_UNITS = 0.05
_TENTH_MILLI = MILLI // 10


def explain(basis: Basis) -> str:
    """One paragraph for a buyer, or for whoever packs the box."""
    return _explain_reorder(basis) if isinstance(basis, Need) else explain_reroute(basis)


def _explain_reorder(need: Need) -> str:
    expected_milli = _tenths(need.expected_units)
    forecast = (
        f"Forecast: {need.rate:.2f} a day here, judged by {_seen(need)}: {plain(expected_milli)} in the next "
        f"{lasting(need.protection_days)}, give or take {need.spread_units:.1f}{_known_ahead(need)}."
    )
    result = (
        f"Result: {plain(expected_milli)} expected {_safety(need.trigger_milli, expected_milli)} "
        f"{plain(need.trigger_milli)}, the reorder point; {plain(need.position_milli)} is below it. "
        f"Filling up to {plain(need.order_up_to_milli)} takes {plain(need.order_up_to_milli - need.position_milli)}, so "
        f"{_packs(need.packs, need.pack_milli)}{cuts(need)}."
    )
    arrival = f"It can be here on {need.arrives_at:%a %d %b %Y}."
    without = _without(need)
    if isinstance(need, DepotNeed):
        forecast, without = depot_forecast(need), depot_without(need, money(need.missed_cents, need.currency))
    return f"{_order(need)} {_policy(need)} {_stock(need)} {forecast} {result} {arrival}{refused(need)} {without}"


def _served_else(need: Need) -> str:
    return f" ({need.served_else:.0%} of them are bought as a substitute)" if need.served_else else ""


def _order(need: Need) -> str:
    lane = "" if need.lane_id == need.supplier_id else f" (delivery lane {need.lane_id})"
    where = f"of {goods(need)} for store {need.store_id}, from {need.supplier_id}{lane}"
    packs = _packs(need.asked_packs, need.pack_milli)
    if not need.asked_milli:
        return f"Order {plain(need.quantity_milli)} {where}: {packs}."
    return (
        f"Order {plain(need.quantity_milli)} {where}: the {plain(need.asked_milli)} of version {need.asked_version}, "
        f"which this replaces, and {packs} more."
    )


def _policy(need: Need) -> str:
    if isinstance(need, DepotNeed):
        return depot_policy(need)
    if need.policy:
        return f"Policy: {need.policy}."
    lasts = "what will be asked for until the goods of the order after this one are here"
    if need.target_ratio is None:
        safety = "the safety stock that would have cost least on this shelf so far, missed sales and stock together"
    else:
        safety = f"a safety stock that makes it last in {need.target_ratio:.0%} of cases"
    return (
        f"Policy: order when what is here and on its way is below the reorder point, which is {lasts}, and {safety}; then fill up, "
        "in whole packs."
    )


def _stock(need: Need) -> str:
    doubt = " (less than nothing cannot be: taken as an empty shelf)" if need.on_hand_milli < 0 else ""
    reserved = f", {plain(need.reserved_milli)} of it promised to other stores" if need.reserved_milli else ""
    ended = f", {plain(need.ended_milli)} of it past its last day" if need.ended_milli else ""
    left = (
        f", {plain(need.stands_in_milli)} left of {need.predecessor}, which it supersedes" if need.predecessor else ""
    )
    return (
        f"Inputs: {plain(need.on_hand_milli)} here{doubt}{ended}{reserved}, {plain(need.coming_milli)} on its way"
        f"{left}{spoiling(need)}: {plain(need.position_milli)} in all."
    )


def _seen(need: Need) -> str:
    days = round(need.shelf_days)
    here = f"about {days} recent {plural('day', days)} in this store"
    return here if need.stores <= 1 else f"{here} and by all {need.stores} stores together"


def _known_ahead(need: Need) -> str:
    lines = (
        (need.voucher_units, "on vouchers that customers hold"),
        (need.promotion_units, "more than usual by promotions"),
    )
    shown = [f"{units:.1f} of it {why}" for units, why in lines if units >= _LEAST_SHOWN_UNITS]
    return f" ({', '.join(shown)})" if shown else ""


def _safety(trigger_milli: int, expected_milli: int) -> str:
    milli = trigger_milli - expected_milli
    if milli < 0:
        return f"less {plain(-milli)} (stock costs more than missed sales here) leave"
    whole = "" if trigger_milli % MILLI or milli % MILLI == 0 else ", which fills up to whole pieces,"
    return f"and a safety stock of {plain(milli)}{whole} make"


def _packs(packs: int, pack_milli: int) -> str:
    if pack_milli == MILLI:
        return f"{packs} {plural('piece', packs)}"
    return f"{packs} {plural('pack', packs)} of {plain(pack_milli)}"


def _without(need: Need) -> str:
    """What is missed before another order could help; and without one: what is asked for, what there is of it, and what that costs."""
    there_milli, missed_milli = max(need.position_milli, 0), _tenths(need.missed_units)
    horizon = lasting(need.horizon_days)
    there = f"{plain(there_milli)} {'is' if there_milli == MILLI else 'are'}"
    soon = f"Without it, {_soon(need)} until the goods of the order after this one are here; without that order too, "
    if not missed_milli:
        return f"{soon}{there} just enough for {horizon} as forecast, and nothing is left for more."
    worth = f", {money(need.missed_cents, need.currency)} of margin" if need.missed_cents else ""
    each = f" (about {money(need.margin_cents, need.currency)} each)" if need.missed_cents and need.margin_cents else ""
    return (
        f"{soon}about {plain(there_milli + missed_milli)} are asked for in {horizon} and {there} there: "
        f"{plain(missed_milli)} sales are missed{_served_else(need)}{worth}{each}."
    )


def _soon(need: Need) -> str:
    missed = need.soon_missed_units
    if missed < _LEAST_SHOWN_UNITS:
        return "fewer than 0.1 sales are probably missed"
    return f"about {missed:.1f} sales are probably missed"


def _tenths(units: float) -> int:
    """Thousandths of the number as it is shown, with one digit."""
    return round(units * 10) * _TENTH_MILLI
