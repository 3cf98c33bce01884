"""Says why a depot orders: what its stores will ask it for, and who waits already; used by the explanation."""

from services.inventory.domain.commands.basis import DepotNeed
from services.inventory.domain.measure import plain


def depot_policy(need: DepotNeed) -> str:
    """Its policy: the class's, or the chain's own."""
    if need.policy:
        return f"Policy: {need.policy}."
    return (
        "Policy: order when what is here and on its way does not cover what stores will probably ask for until the order after "
        f"this one can arrive, with a safety stock that covers it in {need.target_ratio:.0%} of cases; then fill up, in whole packs."
    )


def depot_forecast(need: DepotNeed) -> str:
    """What stores ask for, which is not what they sell: it depends on what they have and when they order."""
    waiting = ""
    if need.unserved_milli:
        noun = "waits" if len(need.unserved) == 1 else "wait"
        waiting = f"; {', '.join(need.unserved)} {noun} for {plain(need.unserved_milli)} already"
    stores = "1 store sells" if need.stores == 1 else f"{need.stores} stores sell"
    return (
        f"Forecast: {stores} {need.rate:.2f} a day; by what they have and when they order, stores ask for "
        f"{need.expected_units:.1f} in the next {round(need.protection_days, 2):g} days, give or take {need.spread_units:.1f}{waiting}."
    )


def depot_without(need: DepotNeed, money: str) -> str:
    """What happens without it."""
    return (
        f"Without it, and without a later order, stores get about {need.missed_units:.1f} less than they ask for within "
        f"{need.horizon_days:.0f} days ({money} of margin, if all of it could be sold)."
    )
