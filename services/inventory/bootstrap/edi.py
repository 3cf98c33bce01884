"""The exchange with trading partners, joined: the round that writes orders, the desk that the doors ask."""

from dataclasses import dataclass

from libs.common.persistence import Transaction
from libs.common.persistence.relay import RelayLoop
from services.inventory.bootstrap.parts import Parts
from services.inventory.handlers.edi.taking import EdiDesk
from services.inventory.handlers.edi.writing import OrderWriter
from services.inventory.ports import InventoryStore
from services.inventory.ports.edi import EdiStore
from services.inventory.store import store_of
from services.inventory.store.edi import PostgresEdi

_IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Storage:
    """Fits EdiStorage."""

    edi: EdiStore
    inventory: InventoryStore


def storage_of(tx: Transaction) -> Storage:
    """Partners, interchanges and commands within `tx`."""
    return Storage(PostgresEdi(tx), store_of(tx))


def edi_desk_of(parts: Parts) -> EdiDesk:
    """What the doors ask."""
    return EdiDesk(transactions=parts.transactions, storage_of=storage_of, metrics=parts.metrics, clock=parts.clock)


def order_writer_of(parts: Parts) -> OrderWriter:
    """What writes orders in this process."""
    return OrderWriter(transactions=parts.transactions, storage_of=storage_of, metrics=parts.metrics, clock=parts.clock)


def edi_loop(parts: Parts) -> RelayLoop:
    """The worker's part."""
    return RelayLoop(order_writer_of(parts).run_once, name="edi", backoff=parts.backoff, idle_seconds=_IDLE_SECONDS)
