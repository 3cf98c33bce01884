"""Our service in a played chain with a depot: it knows the depot, or takes it for a supplier that orders by a rule of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from libs.common.contracts import Contract, Event, new_event
from libs.common.contracts.catalog import CatalogLane, CatalogStore
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus, Reorder, Reroute
from libs.common.contracts.stock import MovementReason, StockCounted, StockDelivered, StockMoved
from services.inventory.bootstrap.roles import closer_of, reviewer_of
from services.inventory.simulate.depot_rules import DepotByRule, said_sold
from services.inventory.simulate.depot_world import DEPOT, DEPOT_NIGHTS, NIGHT, Asked, Sent, depot_opening
from services.inventory.simulate.facts import CURRENCY, SOURCE, morning_of
from services.inventory.simulate.lane import Lane
from services.inventory.simulate.shelves import Scene, Wanted
from services.inventory.simulate.world import Played

_A_MOMENT = timedelta(microseconds=1)


@dataclass(slots=True)
class Service:
    """Speaks to the service by the events of a chain, and hears its commands by name."""

    scene: Scene
    played: Played
    outside: DepotByRule | None = None
    """The depot that it takes for a supplier; None: it knows its own."""
    _told: int = 0
    _batches: int = 0
    _given: dict[str, Reorder | Reroute] = field(default_factory=dict)

    async def begin(self) -> None:
        """Tell it of the depot and its lanes, where it is to know them."""
        if self.outside is not None:
            return
        known, first = morning_of(0) + _A_MOMENT, morning_of(self.scene.world.first_day) - _A_MOMENT
        name = {"store_id": DEPOT, "name": DEPOT, "time_zone": "UTC", "country": "US", "currency": CURRENCY}
        hours = 24 * (DEPOT_NIGHTS - 1) + 1
        said: list[Contract] = [
            CatalogStore.model_validate({**name, "kind": "depot"}),
            CatalogLane(lane_id="supplier", supplier_id=DEPOT, store_id="*", lead_time_hours=NIGHT, depot_id=DEPOT),
            CatalogLane(lane_id="outside", supplier_id="supplier", store_id=DEPOT, lead_time_hours=hours),
        ]
        counts = [
            StockCounted(store_id=DEPOT, item_id=item, on_hand=Decimal(units), synthetic=True)
            for item, units in depot_opening(self.scene).items()
        ]
        await self._take([*(self._event(one, known) for one in said), *(self._event(one, first) for one in counts)])

    async def close(self, day: int, arrived: Sequence[Sent], sold: Sequence[Wanted]) -> Sequence[Asked]:
        """The day's facts, its close, and what the review asks for: first what leaves the depot, then what comes to it."""
        facts = [self._came(day, one) for one in arrived if one.asked.place != DEPOT or self.outside is None]
        await self._take([*facts, *self.played.facts.of(said_sold(day, sold))])
        if self.outside is not None:
            self.outside.arrive(arrived)
        night = morning_of(day + 1)
        await closer_of(self.played.parts).run(night)
        if day < self.scene.world.first_day - 1:
            return ()
        await reviewer_of(self.played.parts).run(night)
        lane = Lane(self.played.parts)
        commands = [one for one in await lane.commands() if self._is_new(one)]
        await lane.commands_left()
        self._given |= {one.command_id: one for one in commands}
        asked = sorted((self._asked(one) for one in commands), key=lambda one: one.giver is None)
        return asked if self.outside is None else [*asked, *self.outside.orders(asked)]

    async def hear(self, day: int, sent: Sequence[Sent]) -> None:
        """Answers to commands, and what left the givers."""
        night = morning_of(day + 1)
        events: list[Event] = []
        for one in sent:
            if not one.asked.name:
                continue
            events.append(self._event(self._answer(one), night))
            knows_giver = one.asked.giver not in {None, DEPOT} or (one.asked.giver == DEPOT and self.outside is None)
            if one.units and knows_giver:
                events.append(self._event(_gone(one), night))
        await self._take(events)
        if self.outside is not None:
            self.outside.hear(sent)

    def _is_new(self, command: Reorder | Reroute) -> bool:
        """A version that nobody has answered is sent again, and is to be done once."""
        known = self._given.get(command.command_id)
        return known is None or known.version < command.version

    def _asked(self, command: Reorder | Reroute) -> Asked:
        giver: str | None = command.from_store_id
        if isinstance(command, Reorder) and self.outside is not None:
            giver = DEPOT
        name = command.command_id
        return Asked(place=command.store_id, item=command.item_id, units=int(command.quantity), giver=giver, name=name)

    def _answer(self, one: Sent) -> Acknowledged:
        command = self._given[one.asked.name]
        status = AcknowledgementStatus.REJECTED if not one.units else AcknowledgementStatus.ACKNOWLEDGED
        is_other = one.units and one.units != command.quantity
        return Acknowledged(
            command_id=command.command_id,
            version=command.version,
            item_id=command.item_id,
            status=AcknowledgementStatus.AMENDED if is_other else status,
            quantity=Decimal(one.units) if is_other else None,
        )

    def _came(self, day: int, one: Sent) -> Event:
        data = StockDelivered(
            store_id=one.asked.place,
            item_id=one.asked.item,
            quantity=Decimal(one.units),
            command_id=one.asked.name or None,
        )
        return self._event(data, morning_of(day))

    def _event(self, data: Contract, at: datetime) -> Event:
        self._told += 1
        return new_event(data, event_id=f"depot-{self._told}", source=SOURCE, occurred_at=at, received_at=at)

    async def _take(self, events: Sequence[Event]) -> None:
        self._batches += 1
        await Lane(self.played.parts).take(events, name=f"depot-batch-{self._batches}")


def _gone(one: Sent) -> StockMoved:
    return StockMoved(
        store_id=str(one.asked.giver),
        item_id=one.asked.item,
        change=-Decimal(one.units),
        reason=MovementReason.TRANSFER_OUT,
        command_id=one.asked.name,
    )
