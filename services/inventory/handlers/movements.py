"""Stage two: what moves stock of an item, and what is said of it; called for demand and stock topics."""

from collections.abc import Sequence

from libs.common.contracts import Event
from libs.common.contracts.inventory import DemandMoved
from libs.common.contracts.stock import StockCounted, StockDelivered, StockMoved
from services.inventory.domain.command import Command, moved
from services.inventory.domain.measure import to_milli
from services.inventory.domain.stock import Count, Movement, latest, summed
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
    booked: list[tuple[str, Movement]] = []
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
            if fact.command_id is not None:
                booked.append((fact.command_id, movement))
    await store.stock.move(summed(movements))
    await store.stock.count(latest(counts))
    await store.stock.touch({one.item_id for one in movements} | {one.item_id for one in counts})
    await _book(store, booked)
    return len(counts) + len(movements)


async def _book(store: InventoryStore, booked: Sequence[tuple[str, Movement]]) -> None:
    """Tell commands what moved because of them. Goods of another item than the command's, or of no command, are only stock."""
    commands: dict[str, Command] = dict(await store.commands.lock([command_id for command_id, _ in booked]))
    for command_id, movement in booked:
        command = commands.get(command_id)
        if command is not None and command.item_id == movement.item_id:
            commands[command_id] = moved(command, movement.store_id, movement.change_milli)
    await store.commands.save(commands.values())
