"""The depots of one item while it is decided: what each holds and has promised, whom it supplies, what they will ask for; used by echelons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from services.inventory.domain.catalog import Lane, ShelfFacts
from services.inventory.domain.commands.command import Kind
from services.inventory.domain.demand.demand import demand_over
from services.inventory.domain.depots.orders_ahead import Customers, orders_ahead
from services.inventory.domain.depots.supply_chain import echelons, lanes_to_depot
from services.inventory.domain.distribution import FloatArray, quantile
from services.inventory.domain.lead_times import with_lead_time
from services.inventory.domain.ordering.items import ItemState
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.policies.classes import PolicyBook
from services.inventory.domain.policies.levels import ShelfNeeds, class_levels, shelf_limits, shown
from services.inventory.domain.stock.shelves import DepotShelf, day_of, start_of

_UNIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """One depot's stock with every open command netted, in thousandths."""

    on_hand_milli: int
    promised_milli: int
    """To stores and other depots, and not shipped yet."""
    coming_milli: int

    @property
    def free_milli(self) -> int:
        """What may still be promised; a negative book is an empty depot."""
        return max(self.on_hand_milli, 0) - self.promised_milli

    @property
    def position_milli(self) -> int:
        """What there will be when all has come and gone."""
        return self.free_milli + self.coming_milli


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What is expected of a depot over the days that an order must last, and when it orders, in units."""

    rate: float
    protection_days: float
    mean: float
    variance: float
    trigger: int
    aim: int
    target_ratio: float


@dataclass(slots=True, kw_only=True)
class Chain:
    """One item's depots, and who asks whom first."""

    state: ItemState
    around: Surroundings
    now: datetime
    book: PolicyBook
    shelves: Mapping[str, DepotShelf]
    lanes: Mapping[str, Sequence[Lane]]
    """Of each depot, in the order in which they are asked."""
    stores: Mapping[str, Sequence[int]]
    """By depot the places of the stores that ask it first."""
    below: Mapping[str, Sequence[str]]
    """By depot the depots that ask it first."""
    groups: Sequence[Sequence[str]]
    """Each after all that it supplies."""
    _levels: dict[str, Levels] = field(default_factory=dict)

    @classmethod
    def of(cls, state: ItemState, now: datetime, around: Surroundings) -> "Chain":
        """The item's chain as its lanes make it."""
        category = state.item.facts.category
        shelves = {depot.depot_id: depot for depot in state.item.depots}
        lanes = {depot_id: lanes_to_depot(around.lanes, depot_id, category) for depot_id in shelves}
        stores: dict[str, list[int]] = {depot_id: [] for depot_id in shelves}
        for place, store_id in enumerate(state.item.store_ids):
            first = around.lanes.find(store_id, category).depot_id
            if first in stores:
                stores[first].append(place)
        below: dict[str, list[str]] = {depot_id: [] for depot_id in shelves}
        for depot_id in sorted(shelves):
            first = lanes[depot_id][0].depot_id
            if first in below:
                below[first].append(depot_id)
        suppliers = {
            depot_id: frozenset(lane.depot_id for lane in found if lane.depot_id in shelves)
            for depot_id, found in lanes.items()
        }
        return cls(
            state=state,
            around=around,
            now=now,
            book=around.book.for_depots(),
            shelves=shelves,
            lanes=lanes,
            stores=stores,
            below=below,
            groups=echelons(shelves, {name: frozenset(filter(None, found)) for name, found in suppliers.items()}),
        )

    def stand(self, depot_id: str) -> Stand:
        """Where a depot stands now."""
        commands = self.state.commands.values()
        return Stand(
            on_hand_milli=self.shelves[depot_id].on_hand_milli,
            promised_milli=sum(one.outgoing_milli for one in commands if one.from_store_id == depot_id),
            coming_milli=sum(one.incoming_milli for one in commands if one.store_id == depot_id),
        )

    def next_supply_at(self, depot_id: str) -> datetime:
        """When goods come to a depot: what is on order, else what would be ordered now."""
        ordered = [
            one.arrives_at
            for one in self.state.commands.values()
            if one.kind is Kind.REORDER and one.store_id == depot_id and one.incoming_milli
        ]
        return min([*ordered, self.lanes[depot_id][0].arrives_at(self.now)])

    def demand(self, depot_id: str, days: float) -> tuple[float, float]:
        """Mean and variance of what stores and depots will ask of it in so many days."""
        mean = variance = 0.0
        for customers in (self._stores_of(depot_id, days), self._depots_of(depot_id, days)):
            if customers is not None:
                means, variances = orders_ahead(customers)
                mean, variance = mean + float(means.sum()), variance + float(variances.sum())
        return mean, variance

    def rate(self, depot_id: str) -> float:
        """Units a day that the stores sell which it supplies, also over other depots."""
        own = float(self.state.plan.rate[self.stores[depot_id]].sum())
        return own + sum(self.rate(below) for below in self.below[depot_id])

    def count(self, depot_id: str) -> int:
        """How many stores that are."""
        return len(self.stores[depot_id]) + sum(self.count(below) for below in self.below[depot_id])

    def levels(self, depot_id: str) -> Levels:
        """Trigger and aim of a depot as things stand; asked again only for what has decided already."""
        lane, policy = self.lanes[depot_id][0], self.around.policy
        days = lane.protection_from(start_of(day_of(self.now)))
        rate = self.rate(depot_id)
        means, variances = with_lead_time(
            *(np.array([one]) for one in (*self.demand(depot_id, days), rate, lane.late_days, lane.late_variance_days))
        )
        ratio = policy.depot_target_ratio
        trigger = quantile(means, variances, np.array([ratio]))
        needs = ShelfNeeds(
            rate=np.array([rate]),
            mean=means,
            variance=variances,
            protection_days=np.array([days]),
            trigger=trigger,
            aim=trigger + self._cover(rate, policy),
        )
        facts = self.state.item.facts
        stated = shelf_limits(facts, [depot_id], needs.rate, self.book, self.state.item.shelf_facts)
        trigger, aim = shown(class_levels(facts, needs, self.book), means, stated)
        return Levels(
            rate=rate,
            protection_days=days,
            mean=float(means[0]),
            variance=float(variances[0]),
            trigger=int(trigger[0]),
            aim=int(aim[0]),
            target_ratio=ratio,
        )

    def shelf(self, depot_id: str) -> ShelfFacts:
        """What the shelf plan says of it."""
        return self.state.item.shelf_facts.get(depot_id, ShelfFacts())

    def _cover(self, rate: float, policy: Policy) -> int:
        """What an order line brings beyond the trigger, in units: the square root rule (Harris 1913), no more than the usual cover."""
        price_cents = self.state.item.facts.price_cents
        usual = rate * policy.cover_days_of(rate)
        if not price_cents:
            return int(np.ceil(usual))
        return int(min(np.sqrt(2 * policy.order_line_cents * rate / (policy.hold_ratio * price_cents)), usual))

    def _stores_of(self, depot_id: str, days: float) -> Customers | None:
        places = np.array(self.stores[depot_id], dtype=np.int64)
        if not places.size:
            return None
        plan = self.state.plan
        mean, variance = demand_over(plan.rates, np.full(len(plan.rate), days), plan.voucher_units)
        return self._customers(
            self.state.position_milli[places] / _UNIT,
            plan.trigger_milli[places] / _UNIT,
            plan.order_up_to_milli[places] / _UNIT,
            (mean[places], variance[places]),
        )

    def _depots_of(self, depot_id: str, days: float) -> Customers | None:
        below = self.below[depot_id]
        if not below:
            return None
        levels = [self._known(one) for one in below]
        demand = np.array([self.demand(one, days) for one in below])
        return self._customers(
            np.array([self.stand(one).position_milli / _UNIT for one in below]),
            np.array([float(one.trigger) for one in levels]),
            np.array([float(one.aim) for one in levels]),
            (demand[:, 0], demand[:, 1]),
        )

    def _known(self, depot_id: str) -> Levels:
        if depot_id not in self._levels:
            self._levels[depot_id] = self.levels(depot_id)
        return self._levels[depot_id]

    def _customers(
        self, position: FloatArray, trigger: FloatArray, aim: FloatArray, demand: tuple[FloatArray, FloatArray]
    ) -> Customers:
        return Customers(
            position=position,
            trigger=trigger,
            aim=aim,
            pack=self.state.item.facts.pack_milli / _UNIT,
            mean=demand[0],
            variance=demand[1],
        )
