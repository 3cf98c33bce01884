"""Says in plain words why pieces move between stores: what each side expects, what a piece is worth there, and what moving costs.

The law of explanation.py holds: figures are fields of the basis, and sums are of the figures as they are shown.
"""

from datetime import date, timedelta
from decimal import Decimal

from services.inventory.domain.commands.basis import Exchange, Lasting
from services.inventory.domain.commands.lot_words import moved, surplus_policy, surplus_result
from services.inventory.domain.commands.phrases import cuts, lasting, plural, refused
from services.inventory.domain.measure import money

_EPOCH = date(1970, 1, 1)
_LEAST_SHOWN_CENTS = 0.5


def explain_reroute(one: Exchange) -> str:
    """One paragraph for a buyer, or for whoever packs the box."""
    if one.wasted_units > 0:
        return f"{moved(one)} {surplus_policy(one)} {surplus_result(one, cuts(one))}{refused(one)} Without it, they are wasted there."
    here, there = f"store {one.store_id}", f"store {one.from_store_id}"
    weighs_risk = one.donor_keep_units is None
    giver = f"sales that {there} may then miss are taken off" if weighs_risk else f"{there} keeps what it needs itself"
    policy = f"Policy: move only where that gains at least {one.hurdle_ratio:.2f} times what moving costs; {giver}."
    stays = "" if weighs_risk else f", of which {one.donor_keep_units} must stay"
    inputs = f"Inputs: {one.free_units} in {here} and {one.coming_units} on the way to it; {one.donor_free_units} in {there}{stays}."
    forecast = _forecast(one, here, there)
    saved = _amount(one.saved_cents, _digits(one), one.currency)
    without = f"Without it, sales in {here} that bring {saved} of margin would probably be missed."
    return f"{moved(one)} {policy} {inputs} Forecast: {one.rate:.2f} a day in {here}{forecast} {_gain(one, here, there)}{refused(one)} {without}"


def _forecast(one: Exchange, here: str, there: str) -> str:
    """What is asked for in the time for which the decision counted what is moved, what covers it, and each piece's chance."""
    getter, giver = one.getter, one.giver
    ahead = f"; what is moved is there {lasting(one.gap_days)} ahead of its next supply"
    if getter is None or giver is None:
        return f"{ahead}, and {one.gap_units:.1f} are asked for in that time."
    covered = _covered(getter, one.free_units)
    if getter.until_day is None:
        words = f"{ahead}, and {_asked(getter, here)} in that time, {_stray(getter)}; {covered}."
        span = f"Within the {lasting(giver.days)} until an order made later would be there"
    else:
        counts = f"What is moved counts until {_day(getter.until_day)}, when {_ending(getter)}"
        days = f"in these {lasting(getter.days)}, today counted"
        words = f". {counts}: {days}, {_asked(getter, here)}, {_stray(getter)}; {covered}."
        span = f"In the {lasting(giver.days)} until {_day(giver.until_day or getter.until_day)}"
    return f"{words} {_pieces(one)} {span}, {_asked(giver, there)}, {_stray(giver)}; {_covered(giver, one.donor_free_units)}."


def _pieces(one: Exchange) -> str:
    """How probable it is that the pieces are missed where they go: the first, and the last of them."""
    worth = f"one that is missed costs {money(one.piece_cents, one.currency)}"
    if one.units == 1:
        return f"The piece is asked for in {one.first_chance:.1%} of cases; {worth}."
    return (
        f"The first of {one.units} pieces is asked for in {one.first_chance:.1%} of cases, the last in {one.last_chance:.1%}; {worth}, "
        f"and each further piece ({money(one.unit_cents, one.currency)} to move) was moved only where that gained more than it cost."
    )


def _asked(shelf: Lasting, where: str) -> str:
    return f"{shelf.asked_units:.1f} are asked for in {where}"


def _stray(shelf: Lasting) -> str:
    return f"give or take {shelf.spread_units:.1f}"


def _ending(shelf: Lasting) -> str:
    """Why it does not count longer."""
    if shelf.more_day == shelf.until_day:
        return "what is on its way comes"
    return "the next order could first be there"


def _covered(shelf: Lasting, free_units: int) -> str:
    """What is there of it, and what comes within that time."""
    count = shelf.have_units
    before = max(free_units, 0)
    there = f"{count} {'is' if count == 1 else 'are'} there"
    if count > before:
        there += f", {count - before} of it still to come"
    elif count < before:
        there += " after other moves"
    if shelf.more_day is None or not shelf.more_units:
        return there
    comes = f"{shelf.more_units} more {'comes' if shelf.more_units == 1 else 'come'} on {_day(shelf.more_day)}"
    return f"{there}, and {comes}, until when {shelf.sooner_units:.1f} are asked for"


def _day(day: int) -> str:
    date_of = _EPOCH + timedelta(days=day)
    return f"{date_of:%A} {date_of.day} {date_of:%B}"


def _gain(one: Exchange, here: str, there: str) -> str:
    """The sum of a transfer: what it saves, what it puts at risk, what holding changes, what it costs, and what it must gain."""
    digits, currency = _digits(one), one.currency
    saved, lost, held = (_shown(cents, digits) for cents in _parts(one))
    sums = [f"save sales worth {saved} in {here}", f"put {lost} at risk in {there}"]
    if abs(one.hold_cents) >= _LEAST_SHOWN_CENTS:
        sums.append(f"{'cost' if held > 0 else 'spare'} {abs(held)} of stock-keeping")
    result = (
        f"Result: {one.units} {plural('piece', one.units)} {', '.join(sums[:-1])} and {sums[-1]}: a gain of {saved - lost - held} "
        f"{currency}; moving costs {_amount(one.cost_cents, digits, currency)}, so at least "
        f"{_amount(one.cost_cents * one.hurdle_ratio, digits, currency)} is wanted{cuts(one)}."
    )
    if one.gap_cents >= 1:
        result += f" Other moves of this item could not gain more than {money(one.gap_cents, currency)} on top."
    return result


def _parts(one: Exchange) -> tuple[float, float, float]:
    shows_hold = abs(one.hold_cents) >= _LEAST_SHOWN_CENTS
    return one.saved_cents, one.donor_loss_cents, one.hold_cents if shows_hold else 0.0


def _digits(one: Exchange) -> int:
    """So many digits that the gain as shown is what the wanted one is: two, but for a gain that hardly passes."""
    for digits in (2, 3):
        saved, lost, held = (_shown(cents, digits) for cents in _parts(one))
        if saved - lost - held >= _shown(one.cost_cents * one.hurdle_ratio, digits):
            return digits
    return 4


def _shown(cents: float, digits: int) -> Decimal:
    return Decimal(f"{cents / 100:.{digits}f}")


def _amount(cents: float, digits: int, currency: str) -> str:
    return f"{_shown(cents, digits)} {currency}".strip()
