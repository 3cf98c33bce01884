"""Says what age has to do with a command: what will end where it is, and what moves so that it is sold in time; used by the explanation."""

from datetime import date, timedelta

from services.inventory.domain.commands.basis import Exchange, Need
from services.inventory.domain.commands.phrases import goods
from services.inventory.domain.measure import money, plain

_EPOCH = date(1970, 1, 1)


def spoiling(need: Need) -> str:
    """Which of what is here ends when, and how much of it probably unsold; nothing where nothing does."""
    if not need.spoiling_milli:
        return ""
    here = plain(max(need.on_hand_milli, 0) - need.ended_milli)
    lots = [f"{plain(milli)} of {here} here end on {_day(date.fromisoformat(day))}" for day, milli in need.ends]
    words = "".join(f"; {lot}" for lot in lots)
    return f"{words}; {plain(need.spoiling_milli)} will probably end unsold before the order after this one is here"


def moved(one: Exchange) -> str:
    """What moves, and which of it where it spoils."""
    what = f"Move {one.asked_packs} of {goods(one)} from store {one.from_store_id} to store {one.store_id}"
    if one.last_day is None:
        return f"{what}."
    return f"{what}: the oldest that may be sold until {_day(_EPOCH + timedelta(days=one.last_day))}, or younger."


def surplus_policy(one: Exchange) -> str:
    """Why it moves: the policy, the inputs and the forecast of goods that would end unsold."""
    here, there = f"store {one.store_id}", f"store {one.from_store_id}"
    return (
        f"Policy: move what would end unsold to where it will probably be sold in time, where that gains at least "
        f"{one.hurdle_ratio:.2f} times what moving costs. Inputs: {one.donor_free_units} in {there}; {one.free_units} in {here} and "
        f"{one.coming_units} on the way to it. Forecast: {one.rate:.2f} a day in {here}."
    )


def surplus_result(one: Exchange, cuts: str) -> str:
    """What is saved, what that costs and must be worth; `cuts` says what limits changed."""
    saved, cost = money(one.saved_cents, one.currency), money(one.cost_cents, one.currency)
    hurdle = money(one.cost_cents * one.hurdle_ratio, one.currency)
    return (
        f"Result: {one.wasted_units:.1f} fewer end unsold in both stores together, worth {saved}; moving costs {cost}, so at "
        f"least {hurdle} is wanted{cuts}."
    )


def _day(day: date) -> str:
    return f"{day:%A} ({day:%d %B})"
