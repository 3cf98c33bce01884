"""A fast lane to the service's own handlers: what the topics of a day would bring, in one transaction; and its commands, taken from the outbox.

The same handlers, inbox and tables as in the worker; only the broker between them is left out (the law that nothing else differs:
tests/integration/inventory/test_bridge_and_stream.py).
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import TextClause, text

from libs.common.contracts import TOPIC_OF_TYPE, Event, decode
from libs.common.contracts.inventory import Acknowledged, Reorder, Reroute
from libs.common.contracts.topics import (
    INGEST_CATALOG,
    INGEST_POS,
    INGEST_STOCK,
    INVENTORY_ACKNOWLEDGEMENTS,
    INVENTORY_COMMANDS,
    INVENTORY_DEMAND,
)
from libs.common.errors import InvalidInput
from libs.common.persistence import Transaction, mark_seen
from libs.common.persistence.messages import decode_headers
from services.inventory.bootstrap import Parts
from services.inventory.domain.closing.unmet import Unmet
from services.inventory.handlers.catalog import take_catalog
from services.inventory.handlers.commands.acknowledgements import Acknowledgement, Effect, acknowledge
from services.inventory.handlers.stock.movements import take_demand, take_stock
from services.inventory.handlers.stock.receipts import take_receipts
from services.inventory.ports import InventoryStore
from services.inventory.store import store_of

_SCOPE = "inventory"
_TAKE = text("DELETE FROM outbox WHERE topic = :topic RETURNING id, headers, value")
_LOOK = text("SELECT id, headers, value FROM outbox WHERE topic = :topic")
_REMOVE = text("DELETE FROM outbox WHERE topic = :topic")


class Lane:
    """Carries events in and commands out. Each step is one transaction, and safe to repeat: see `until_done`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def take(self, events: Sequence[Event], unmet: Sequence[Unmet] = (), *, name: str) -> None:
        """Apply the batch of this name, and what the service said to itself because of it; repeats are dropped."""
        async with self._parts.transactions.begin() as tx:
            by_topic: dict[str, list[Event]] = defaultdict(list)
            for event in await _fresh(tx, events):
                by_topic[TOPIC_OF_TYPE[event.type].name].append(event)
            store = store_of(tx)
            await take_catalog(store, by_topic[INGEST_CATALOG.name])
            await _answer(store, by_topic[INVENTORY_ACKNOWLEDGEMENTS.name])
            await take_stock(store, by_topic[INGEST_STOCK.name])
            await take_receipts(store, by_topic[INGEST_POS.name])
            if unmet and await mark_seen(tx, [name], scope=_SCOPE):
                await store.unmet.tell(unmet)
            await take_demand(store, await _fresh(tx, await _sent(tx, _TAKE, INVENTORY_DEMAND.name)))

    async def commands(self) -> Sequence[Reorder | Reroute]:
        """The commands that wait to leave, in order, of each the newest version; they go on waiting until `commands_left`."""
        async with self._parts.transactions.begin() as tx:
            sent = await _sent(tx, _LOOK, INVENTORY_COMMANDS.name)
        newest = {event.data.command_id: event.data for event in sent if isinstance(event.data, (Reorder, Reroute))}
        return list(newest.values())

    async def commands_left(self) -> None:
        """No command waits any more."""
        async with self._parts.transactions.begin() as tx:
            await tx.connection.execute(_REMOVE, {"topic": INVENTORY_COMMANDS.name})


async def _fresh(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    if not events:
        return ()
    new = await mark_seen(tx, [event.event_id for event in events], scope=_SCOPE)
    return [event for event in events if event.event_id in new]


async def _sent(tx: Transaction, statement: TextClause, topic: str) -> Sequence[Event]:
    rows = (await tx.connection.execute(statement, {"topic": topic})).all()
    return [decode(decode_headers(row.headers), row.value) for row in sorted(rows, key=lambda row: int(row.id))]


async def _answer(store: InventoryStore, events: Sequence[Event]) -> None:
    given = [
        Acknowledgement(body=event.data, answered_at=event.occurred_at)
        for event in events
        if isinstance(event.data, Acknowledged)
    ]
    if Effect.UNKNOWN in await acknowledge(store, given):
        raise InvalidInput("an answer to a command that there is not", slug="invalid-simulation")
