"""Stage two: what moves stock of an item, and what is said of it; called for demand and stock topics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from libs.common.contracts import Event
from libs.common.contracts.inventory import DemandMoved
from libs.common.contracts.stock import StockCounted, StockDelivered, StockMoved
from services.inventory.domain.commands.basis import Exchange
from services.inventory.domain.commands.changes import Change, What
from services.inventory.domain.commands.command import Command, moved
from services.inventory.domain.measure import plain, to_milli
from services.inventory.domain.stock.lots import LotMoved
from services.inventory.domain.stock.shelves import day_of
from services.inventory.domain.stock.stock import Count, Movement, latest, summed
from services.inventory.handlers.commands.keeping import keep
from services.inventory.handlers.lead_times import note_deliveries
from services.inventory.ports import InventoryStore


async def take_demand(store: InventoryStore, events: Sequence[Event]) -> int:
    """Sales and returns lower and raise stock; returns how many lines."""
    movements = [
        Movement(
            item_id=event.data.item_id,
            store_id=event.data.store_id,
            at=event.occurred_at,
            sold_milli=to_milli(event.data.quantity),
        )
        for event in events
        if isinstance(event.data, DemandMoved)
    ]
    await store.stock.move(summed(movements))
    await store.stock.touch({one.item_id for one in movements})
    return len(movements)


async def take_stock(store: InventoryStore, events: Sequence[Event]) -> int:
    """Counts, deliveries and movements; those that name a command also move the command on. Returns how many."""
    counts: list[Count] = []
    movements: list[Movement] = []
    booked: list[_Booked] = []
    lots: list[LotMoved] = []
    for event in events:
        fact = event.data
        if isinstance(fact, StockCounted):
            counts.append(
                Count(
                    item_id=fact.item_id,
                    store_id=fact.store_id,
                    at=event.occurred_at,
                    event_id=event.event_id,
                    on_hand_milli=to_milli(fact.on_hand),
                )
            )
        elif isinstance(fact, (StockDelivered, StockMoved)):
            change = fact.quantity if isinstance(fact, StockDelivered) else fact.change
            movement = Movement(
                item_id=fact.item_id, store_id=fact.store_id, at=event.occurred_at, moved_milli=to_milli(change)
            )
            movements.append(movement)
            lots.extend(_lots(fact, movement))
            if fact.command_id is not None:
                booked.append(_Booked(fact.command_id, movement, names_lots=bool(fact.lots)))
    await store.stock.move(summed(movements))
    await store.lots.move(lots)
    await store.stock.count(latest(counts))
    await store.stock.touch({one.item_id for one in movements} | {one.item_id for one in counts})
    await _book(store, booked)
    return len(counts) + len(movements)


@dataclass(frozen=True, slots=True)
class _Booked:
    """What moved because of a command."""

    command_id: str
    movement: Movement
    names_lots: bool


def _lots(fact: StockDelivered | StockMoved, movement: Movement) -> Iterator[LotMoved]:
    """What the movement names of lots, with its sign."""
    sign = -1 if movement.moved_milli < 0 else 1
    for lot in fact.lots or ():
        yield LotMoved(
            item_id=fact.item_id,
            store_id=fact.store_id,
            at=movement.at,
            last_day=day_of(datetime.combine(lot.last_day, time(), UTC)),
            change_milli=sign * to_milli(lot.quantity),
        )


def _sent_lot(command: Command, movement: Movement) -> Iterator[LotMoved]:
    """The lot that a transfer was asked to send, where nobody says which it was: goods do not grow young on the way."""
    basis = command.basis
    if isinstance(basis, Exchange) and basis.last_day is not None:
        yield LotMoved(
            item_id=movement.item_id,
            store_id=movement.store_id,
            at=movement.at,
            last_day=basis.last_day,
            change_milli=movement.change_milli,
        )


async def _book(store: InventoryStore, booked: Sequence[_Booked]) -> None:
    """Tell commands what moved because of them. Goods of another item than the command's, or of no command, are only stock."""
    commands: dict[str, Command] = dict(await store.commands.lock([one.command_id for one in booked]))
    sent: list[LotMoved] = []
    changes: list[Change] = []
    delivered: list[tuple[Command, Movement]] = []
    for one in booked:
        movement, command = one.movement, commands.get(one.command_id)
        if command is None or command.item_id != movement.item_id:
            continue
        if not one.names_lots:
            sent.extend(_sent_lot(command, movement))
        delivered.append((command, movement))
        after = moved(command, movement.store_id, movement.change_milli)
        if after != command:
            commands[one.command_id] = after
            way = "came to" if movement.store_id == command.store_id else "moved at"
            reason = f"{plain(movement.change_milli)} {way} {movement.store_id}"
            changes.append(Change(command=after, what=What.MOVED, actor="stock", at=movement.at, reason=reason))
    await store.lots.move(sent)
    await keep(store, changes)
    await note_deliveries(store, delivered)
