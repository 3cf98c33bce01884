"""What a simulator says as the events of a chain: receipts, stock, answers, master data; pure, so that lanes and tests share it."""

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from libs.common.contracts import Contract, Event, new_event
from libs.common.contracts.catalog import CatalogItem, CatalogLane, CatalogStore
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus
from libs.common.contracts.pos import Sale
from libs.common.contracts.stock import MovementReason, StockCounted, StockDelivered, StockMoved
from libs.common.contracts.values import ReceiptLine
from services.inventory.domain.closing.unmet import Unmet
from services.inventory.domain.stock.shelves import day_of, start_of, weekday_of
from services.inventory.simulate.counter import Counter, Given
from services.inventory.simulate.protocol import (
    Lost,
    OrderAcknowledged,
    Received,
    Rejected,
    Said,
    Sold,
    TransferAcknowledged,
    TransferredOut,
    World,
)

SOURCE = "urn:the-usual:simulator"
CURRENCY = "USD"
FIRST_DAY = datetime(2017, 1, 1, tzinfo=UTC)
"""What day 0 of a simulator is to us: a Sunday, as in the data set that its figures are of."""

_FIRST = day_of(FIRST_DAY)
_DAY = 86_400
_WEEK = 7
_A_MOMENT = timedelta(microseconds=1)
"""A count holds what was sold until its own moment: that of the first day comes before the day's first sale."""
_MORNING_HOURS = 1
"""Goods of the morning are there before anybody shops."""


def morning_of(day: int) -> datetime:
    """When a simulator's day begins."""
    return start_of(_FIRST + day)


@dataclass(slots=True)
class Facts:
    """One world's events, in the order of what was said; ids follow from their number, so that the same telling gives the same events.

    All that happens in the night happens at the first moment of the new day: deliveries, transfers, the decisions of the close.
    """

    world: World
    counter: Counter = field(default_factory=Counter)
    _told: int = 0

    def opening(self) -> Sequence[Event]:
        """Master data, the shelves as they are known from the first day on, and the count of the first day that is played."""
        world = self.world
        known = morning_of(0)
        return [
            *(self._event(_item(world, item_id), known) for item_id in world.items),
            *(self._event(_store(store_id), known) for store_id in world.stores),
            *(self._event(lane, known) for lane in lanes_of(world)),
            *(self._event(_listed(store_id, item_id), known) for store_id, item_id, _ in world.initial_stock),
            *(
                self._event(
                    StockCounted(store_id=store_id, item_id=item_id, on_hand=Decimal(units), synthetic=True),
                    morning_of(world.first_day) - _A_MOMENT,
                )
                for store_id, item_id, units in world.initial_stock
            ),
        ]

    def of(self, said: Sequence[Said]) -> Sequence[Event]:
        """The events of a batch; raises InvalidInput for an answer or for goods that no command asked for."""
        sold = [one for one in said if isinstance(one, Sold)]
        return [*(event for one in said for event in self._single(one)), *self._receipts(sold)]

    def unmet(self, said: Sequence[Said]) -> Sequence[Unmet]:
        """What a simulator that reveals it says was asked for and not there."""
        units: Counts[tuple[str, str, int]] = Counts()
        for one in said:
            if isinstance(one, Lost):
                units[one.item, one.store, _FIRST + one.day] += one.qty * 1000
        return [
            Unmet(item_id=item, store_id=store, day=day, units_milli=milli)
            for (item, store, day), milli in units.items()
        ]

    def _single(self, one: Said) -> Iterator[Event]:
        match one:
            case Received():
                given = self.counter.arrive(one.kind, (one.store, one.item), one.day)
                yield self._event(_came(one, given), morning_of(one.day))
            case OrderAcknowledged():
                yield self._promise("supplier", one)
            case TransferAcknowledged():
                yield self._promise("transfer", one)
            case TransferredOut():
                given = self.counter.gone((one.store, one.item))
                yield self._event(_went(one, given), morning_of(one.day + 1))
            case Rejected():
                yield self._refusal(one)
            case _:
                return

    def _promise(self, kind: str, one: OrderAcknowledged | TransferAcknowledged) -> Event:
        given = self.counter.promise(kind, (one.store, one.item), one.eta)
        is_whole = one.qty == given.units
        status = AcknowledgementStatus.ACKNOWLEDGED if is_whole else AcknowledgementStatus.AMENDED
        quantity = None if is_whole else Decimal(one.qty)
        arrives_at = morning_of(one.eta) + timedelta(hours=_MORNING_HOURS)
        return self._event(_answer(given, status, quantity=quantity, expected_at=arrives_at), morning_of(one.day + 1))

    def _refusal(self, one: Rejected) -> Event:
        command = one.command
        kind, store = ("transfer", command["to"]) if command["cmd"] == "reroute" else ("supplier", command["store"])
        given = self.counter.refuse(kind, (store, command["item"]))
        answer = _answer(given, AcknowledgementStatus.REJECTED, reason=one.why)
        return self._event(answer, morning_of(one.day + 1))

    def _receipts(self, sold: Sequence[Sold]) -> Iterator[Event]:
        """What one store sold in one second is one receipt."""
        baskets: dict[tuple[int, int, str], list[Sold]] = defaultdict(list)
        for one in sold:
            baskets[one.day, one.t, one.store].append(one)
        for (day, second, store_id), lines in baskets.items():
            found = tuple(self._line(place, one) for place, one in enumerate(lines, 1))
            sale = Sale(
                receipt_id=f"{day}-{second}-{self._told}",
                store_id=store_id,
                currency=CURRENCY,
                lines=found,
                total_cents=sum(line.amount_cents for line in found),
            )
            yield self._event(sale, morning_of(day) + timedelta(seconds=second))

    def _line(self, place: int, one: Sold) -> ReceiptLine:
        cents = _cents(self.world.price[one.item]) * one.qty
        return ReceiptLine(line_no=place, item_id=one.item, quantity=Decimal(one.qty), amount_cents=cents)

    def _event(self, data: Contract, at: datetime) -> Event:
        self._told += 1
        return new_event(data, event_id=str(self._told), source=SOURCE, occurred_at=at, received_at=at)


def lanes_of(world: World) -> Sequence[CatalogLane]:
    """How the stores are supplied. The close of day t is the first moment of day t + 1: that is when its orders go out."""
    hours = _DAY // 3600 * (world.lead - 1) + _MORNING_HOURS
    if world.review == 1:
        return [CatalogLane(lane_id="supplier", supplier_id="supplier", store_id="*", lead_time_hours=hours)]
    return [
        CatalogLane(
            lane_id=f"supplier-{store_id}",
            supplier_id="supplier",
            store_id=store_id,
            lead_time_hours=hours,
            order_weekdays=(weekday_of(_FIRST + (-place % _WEEK) + 1),),
        )
        for place, store_id in enumerate(world.stores)
    ]


def _item(world: World, item_id: str) -> CatalogItem:
    """A simulator knows no categories: each item stands for one of its own, but for what all of them share."""
    return CatalogItem(
        item_id=item_id,
        name=item_id[:200],
        category="all",
        item_type="all",
        department="all",
        pack_size=Decimal(world.pack[item_id]),
        price_cents=_cents(world.price[item_id]),
        currency=CURRENCY,
    )


def _store(store_id: str) -> CatalogStore:
    return CatalogStore(store_id=store_id, name=store_id, time_zone="UTC", country="US", currency=CURRENCY)


def _listed(store_id: str, item_id: str) -> StockMoved:
    """Nothing moves, but the shelf is heard of: days on which it sells nothing are days without demand."""
    return StockMoved(store_id=store_id, item_id=item_id, change=Decimal(0), reason=MovementReason.ADJUSTMENT)


def _came(one: Received, given: Given) -> Contract:
    if one.kind == "supplier":
        return StockDelivered(
            store_id=one.store, item_id=one.item, quantity=Decimal(one.qty), command_id=given.command_id
        )
    return StockMoved(
        store_id=one.store,
        item_id=one.item,
        change=Decimal(one.qty),
        reason=MovementReason.TRANSFER_IN,
        command_id=given.command_id,
    )


def _went(one: TransferredOut, given: Given) -> StockMoved:
    return StockMoved(
        store_id=one.store,
        item_id=one.item,
        change=-Decimal(one.qty),
        reason=MovementReason.TRANSFER_OUT,
        command_id=given.command_id,
    )


def _answer(
    given: Given,
    status: AcknowledgementStatus,
    *,
    quantity: Decimal | None = None,
    expected_at: datetime | None = None,
    reason: str | None = None,
) -> Acknowledged:
    return Acknowledged(
        command_id=given.command_id,
        version=given.version,
        item_id=given.item_id,
        status=status,
        quantity=quantity,
        expected_at=expected_at,
        reason=reason,
    )


def _cents(price: float) -> int:
    return round(price * 100)
