"""How much of what spoils is worth ordering: the newsvendor's balance over the shelf life, pack by pack; used when an order is sized.

Symbols: y what there will be (less what will end unsold, spoilage.py), D_p demand until the order after this one arrives, D_e demand until the
last day of what is ordered now, D_l until that of the order after it; m what a missed sale costs, w what a wasted piece costs, h holding a
piece between two orders. The (y + 1)th piece is worth having at all while

    m P(D_e > y) - w P(D_e <= y) > 0

(the newsvendor's quantile over the shelf life), and worth having now rather than with the next order while

    m P(D_p > y) - w (P(D_e <= y) - P(D_l <= y)) - h P(D_p <= y) > 0

because not to order it now is no gain where the next order would waste it as well. Sold oldest first, later orders do not change
whether this one spoils. A pack goes where its pieces together pass both. Sources: Silver, Pyke, Thomas, Inventory and Production Management
in Supply Chains, chapter 9 (newsvendor); Nahmias, Perishable Inventory Systems, chapter 2 (fixed life, oldest first).
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from services.inventory.domain.catalog import ItemFacts, Lane
from services.inventory.domain.demand.demand import demand_over
from services.inventory.domain.distribution import chance_within
from services.inventory.domain.ordering.amounts import Due
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.ordering.rounding import NotOrdered, Sized
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.policies.classes import ItemClass, Newsvendor
from services.inventory.domain.stock.lots import LADDER_DAYS
from services.inventory.domain.stock.shelves import day_of, start_of

_UNIT, _DAY_SECONDS = 1000, 86_400
_SURELY = 20.0
"""Deviations above the mean."""
_MOST_PIECES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One shelf's demand over the horizons (mean, variance), and what a piece too few and too many costs in minor units."""

    until_next: tuple[float, float]
    until_last: tuple[float, float]
    until_later: tuple[float, float]
    missed_cents: float
    wasted_cents: float
    held_cents: float

    def packs_worth(self, first: int, packs: int, pack_units: int) -> int:
        """How many of `packs` on top of `first` pieces are worth having, and having now.

        What no demand reaches is not worth it, and need not be weighed piece by piece; what is too much to be weighed is left as it is.
        """
        beyond = int(self._reach) - first
        weighed = min(packs, max(beyond, 0) // pack_units + 2, _MOST_PIECES // pack_units)
        if beyond < 0 or weighed <= 0:
            return 0 if beyond < 0 else packs
        bound = np.arange(first, first + weighed * pack_units)
        enough, unsold, later = (
            chance_within(np.full(len(bound), mean), np.full(len(bound), variance), bound)
            for mean, variance in (self.until_next, self.until_last, self.until_later)
        )
        ever = self.missed_cents * (1 - unsold) - self.wasted_cents * unsold
        sooner = self.wasted_cents * np.maximum(unsold - later, 0.0)
        at_once = self.missed_cents * (1 - enough) - sooner - self.held_cents * enough
        passes = (ever.reshape(weighed, pack_units).sum(axis=1) > 0) & (
            at_once.reshape(weighed, pack_units).sum(axis=1) > 0
        )
        return packs if passes.all() else int(np.argmin(passes))

    @property
    def _reach(self) -> float:
        """What no demand comes to."""
        demands = (self.until_next, self.until_last, self.until_later)
        return max(mean + _SURELY * math.sqrt(variance) for mean, variance in demands)


def waste_cents(facts: ItemFacts, policy: Policy) -> float:
    """What a wasted piece costs: its cost, or what the price leaves beside the margin; 0 where neither is known."""
    if facts.cost_cents is not None:
        return float(facts.cost_cents)
    return 0.0 if facts.price_cents is None else facts.price_cents * (1 - policy.margin_ratio)


def fresh_packs(  # noqa: PLR0913  # one shelf, and who is to fill it
    state: ItemState, place: int, position_milli: int, due: Due, now: datetime, policy: Policy, lane: Lane
) -> Due:
    """The order without the packs that would waste more than they save; as it is where nothing spoils or the chain said how much."""
    if due.sized.packs <= 0 or not _is_weighed(state.item.facts, due.by_class):
        return due
    balance = _balance(state, place, now, policy, lane, due.by_class)
    pack = max(due.limits.pack_milli // _UNIT, 1)
    here = max(position_milli // _UNIT, 0)
    packs = balance.packs_worth(here, due.sized.packs, pack)
    if packs >= due.sized.packs:
        return due
    if packs < max(due.limits.least_packs, 1):
        return replace(due, sized=Sized(0, NotOrdered.WOULD_SPOIL), spoils=True)
    return replace(due, sized=Sized(packs), spoils=True)


def _is_weighed(facts: ItemFacts, by_class: ItemClass | None) -> bool:
    spoils = facts.shelf_life_days is not None and facts.shelf_life_days <= LADDER_DAYS
    return spoils and facts.price_cents is not None and (by_class is None or isinstance(by_class.policy, Newsvendor))


def _balance(
    state: ItemState, place: int, now: datetime, policy: Policy, lane: Lane, by_class: ItemClass | None
) -> Balance:
    facts, plan = state.item.facts, state.plan
    arrives_at = lane.arrives_at(now)
    ends_at = start_of(day_of(arrives_at) + (facts.shelf_life_days or 0) + 1)
    next_at = now + timedelta(days=lane.protection_from(now))
    last_days, next_days = ((at - now).total_seconds() / _DAY_SECONDS for at in (ends_at, min(next_at, ends_at)))
    rates = plan.rates.rows(slice(place, place + 1))
    vouchers = plan.voucher_units[place : place + 1]

    def demand(days: float) -> tuple[float, float]:
        mean, variance = demand_over(rates, np.array([days]), vouchers)
        return float(mean[0]), float(variance[0])

    salvage = by_class.policy.salvage_ratio if by_class and isinstance(by_class.policy, Newsvendor) else 0.0
    between_days = max((next_at - arrives_at).total_seconds() / _DAY_SECONDS, 0.0)
    return Balance(
        until_next=demand(next_days),
        until_last=demand(last_days),
        until_later=demand(last_days + between_days),
        missed_cents=policy.margin_cents(facts.price_cents, facts.cost_cents),
        wasted_cents=waste_cents(facts, policy) * (1 - salvage),
        held_cents=policy.hold_ratio * (facts.price_cents or 0) * between_days,
    )
