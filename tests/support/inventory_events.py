"""Events as inventory's topics carry them, and items as a review sees them: builders with defaults."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from libs.common.contracts import Contract, Event, new_event
from libs.common.contracts.catalog import CatalogItem, CatalogLane
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus
from libs.common.contracts.offers import VoucherIssued
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Return, Sale, Void
from libs.common.contracts.stock import LotPart, MovementReason, StockCounted, StockDelivered, StockMoved
from libs.common.contracts.values import ReceiptLine
from services.inventory.domain.catalog import ItemFacts
from services.inventory.domain.commands.command import Command
from services.inventory.domain.lane_book import LaneBook
from services.inventory.domain.planning.planning import Surroundings
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.domain.stock.shelves import DaySums, ItemPlan, ItemView, Levels, day_of
from services.inventory.domain.vouchers.lines import VoucherLine

START = datetime(2031, 3, 3, tzinfo=UTC)  # a Monday
SOURCE = "urn:test:stores"


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def an_event(data: Contract, event_id: str, days: float = 0.0) -> Event:
    return new_event(data, event_id=event_id, source=SOURCE, occurred_at=at(days), received_at=at(days))


def an_item(
    item_id: str,
    *,
    category: str = "dairy",
    stock_keeping: bool = True,
    price_cents: int = 800,
    shelf_life_days: int | None = None,
) -> Event:
    item = CatalogItem(
        item_id=item_id,
        name=item_id,
        category=category,
        item_type=category,
        department="food",
        currency="EUR",
        price_cents=price_cents,
        stock_keeping=stock_keeping,
        shelf_life_days=shelf_life_days,
    )
    return an_event(item, f"item-{item_id}", -1.0)


def a_lane(lane_id: str = "lane", *, hours: int = 48, store_id: str = "*") -> Event:
    lane = CatalogLane(lane_id=lane_id, supplier_id="supplier", store_id=store_id, lead_time_hours=hours)
    return an_event(lane, f"lane-{lane_id}", -1.0)


def a_count(event_id: str, item_id: str, on_hand: str, days: float = 0.0, *, store_id: str = "s1") -> Event:
    return an_event(StockCounted(store_id=store_id, item_id=item_id, on_hand=Decimal(on_hand)), event_id, days)


def a_delivery(
    event_id: str,
    item_id: str,
    quantity: str,
    days: float,
    *,
    store_id: str = "s1",
    command_id: str | None = None,
    lots: Mapping[int, str] | None = None,
) -> Event:
    """`lots`: how much lasts until which day after START."""
    fact = StockDelivered(
        store_id=store_id,
        item_id=item_id,
        quantity=Decimal(quantity),
        command_id=command_id,
        lots=None if lots is None else some_lots(lots),
    )
    return an_event(fact, event_id, days)


def some_lots(lots: Mapping[int, str]) -> tuple[LotPart, ...]:
    return tuple(LotPart(last_day=at(last).date(), quantity=Decimal(units)) for last, units in lots.items())


def a_movement(event_id: str, item_id: str, change: str, days: float, *, store_id: str = "s1") -> Event:
    fact = StockMoved(store_id=store_id, item_id=item_id, change=Decimal(change), reason=MovementReason.ADJUSTMENT)
    return an_event(fact, event_id, days)


def receipt_lines(items: Mapping[str, str]) -> tuple[ReceiptLine, ...]:
    return tuple(
        ReceiptLine(line_no=number, item_id=item_id, quantity=Decimal(quantity), amount_cents=100)
        for number, (item_id, quantity) in enumerate(items.items(), 1)
    )


def a_sale(
    receipt_id: str, items: Mapping[str, str], days: float = 0.5, *, store_id: str = "s1", training: bool = False
) -> Event:
    lines = receipt_lines(items)
    total = sum(line.amount_cents for line in lines)
    sale = Sale(
        receipt_id=receipt_id, store_id=store_id, currency="EUR", training=training, lines=lines, total_cents=total
    )
    return an_event(sale, f"sale-{receipt_id}", days)


def a_return(receipt_id: str, items: Mapping[str, str], days: float = 1.5, *, store_id: str = "s1") -> Event:
    lines = receipt_lines(items)
    back = Return(receipt_id=receipt_id, store_id=store_id, currency="EUR", lines=lines, total_cents=100 * len(lines))
    return an_event(back, f"return-{receipt_id}", days)


def a_void(receipt_id: str, voided: str, days: float = 0.6, *, store_id: str = "s1") -> Event:
    void = Void(receipt_id=receipt_id, store_id=store_id, currency="EUR", voided_receipt_id=voided)
    return an_event(void, f"void-{receipt_id}", days)


def a_voucher(voucher_id: str, item_id: str, *, days: float = 0.0, ratio: str = "0.5", store_id: str = "s1") -> Event:
    voucher = VoucherIssued(
        voucher_id=voucher_id,
        campaign_id="c",
        receipt_id=f"r-{voucher_id}",
        store_id=store_id,
        currency="EUR",
        checkout_id=f"k-{voucher_id}",
        item_ids=(item_id,),
        greatest_value_cents=100,
        valid_from=at(days),
        expires_at=at(days + 6.9),
        tier=0,
        redemption_ratio=Decimal(ratio),
    )
    return an_event(voucher, voucher_id, days)


def a_tick(days: float) -> Event:
    return an_event(PlayTicked(reached_at=at(days)), f"tick-{days}", days)


def an_answer(
    command_id: str,
    item_id: str,
    status: str = "acknowledged",
    *,
    version: int = 1,
    quantity: str | None = None,
) -> Acknowledged:
    return Acknowledged(
        command_id=command_id,
        version=version,
        item_id=item_id,
        status=AcknowledgementStatus(status),
        quantity=None if quantity is None else Decimal(quantity),
    )


def an_item_view(
    on_hand: Mapping[str, int],
    sold: Mapping[str, Sequence[int]],
    *,
    item_id: str = "milk",
    today: float = 10.0,
    price_cents: int = 800,
    pack: int = 1,
    commands: Sequence[Command] = (),
    plan: ItemPlan | None = None,
) -> ItemView:
    """An item with whole units on hand by store, and what each store sold on the days from START on."""
    stores = sorted(on_hand)
    rows = [(place, day, units) for place, store in enumerate(stores) for day, units in enumerate(sold.get(store, ()))]
    history = DaySums(
        store_index=np.array([row[0] for row in rows], dtype=np.int64),
        day=np.array([day_of(START) + row[1] for row in rows], dtype=np.int64),
        sold_milli=np.array([row[2] * 1000 for row in rows], dtype=np.int64),
        moved_milli=np.zeros(len(rows), dtype=np.int64),
    )
    return ItemView(
        facts=ItemFacts(
            item_id=item_id, category="dairy", pack_milli=pack * 1000, price_cents=price_cents, currency="EUR"
        ),
        store_ids=stores,
        on_hand_milli=np.array([on_hand[store] * 1000 for store in stores], dtype=np.int64),
        counted=np.ones(len(stores), dtype=np.bool_),
        first_day=np.full(len(stores), day_of(START), dtype=np.int64),
        commands=commands,
        plan=plan,
        history=history,
    )


def around(policy: Policy | None = None, *, vouchers: Sequence[VoucherLine] = ()) -> Surroundings:
    return Surroundings(levels=Levels(), lanes=LaneBook(), policy=policy or Policy(), vouchers=vouchers)
