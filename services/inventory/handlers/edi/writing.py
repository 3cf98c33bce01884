"""Orders for trading partners: what the log of commands asks of their suppliers, written once, in the transaction that moves the cursor."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.clock import Clock
from libs.common.persistence import Transaction, Transactions
from services.inventory.domain.commands.changes import What
from services.inventory.domain.edi.documents import EdiUnsayable, Envelope, Order, Partner, Purpose, order_number_of
from services.inventory.domain.edi.exchange import order_of, write_orders
from services.inventory.metrics import InventoryMetrics
from services.inventory.ports import InventoryStore, LogFilter, LoggedChange
from services.inventory.ports.edi import EdiStore, Interchange, KnownPartner, WrittenOrder

_WANTED = frozenset({What.SENT.value, What.WITHDRAWN.value})
_ORDERS_AT_ONCE = 200
_log = logging.getLogger(__name__)


class EdiStorage(Protocol):
    """Partners and interchanges beside the service's own tables, in one transaction."""

    @property
    def edi(self) -> EdiStore:
        """Partners and interchanges."""
        ...

    @property
    def inventory(self) -> InventoryStore:
        """Commands and their log."""
        ...


StorageOf = Callable[[Transaction], EdiStorage]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWriter:
    """Writes interchanges; several may run: a partner's row is its lock."""

    transactions: Transactions
    storage_of: StorageOf
    metrics: InventoryMetrics
    clock: Clock

    async def run_once(self) -> int:
        """One round over all partners; how many interchanges were written. Raises RetryableError."""
        async with self.transactions.begin() as tx:
            partners = await self.storage_of(tx).edi.partners()
        written = 0
        for known in partners:
            async with self.transactions.begin() as tx:
                written += await self._serve(self.storage_of(tx), known.partner.partner_id)
        return written

    async def _serve(self, storage: EdiStorage, partner_id: str) -> int:
        known = await storage.edi.partner(partner_id, lock=True)
        if known is None:
            return 0
        wanted = LogFilter(supplier_id=known.partner.supplier_id, changes=_WANTED)
        page = await storage.inventory.log.read(known.cursor, wanted, _ORDERS_AT_ONCE)
        control = known.last_control
        if page.entries:
            control = await self._write(storage, known, page.entries)
        if page.reached != known.cursor or control != known.last_control:
            await storage.edi.advance(partner_id, page.reached, control)
        return control - known.last_control

    async def _write(self, storage: EdiStorage, known: KnownPartner, entries: Sequence[LoggedChange]) -> int:
        """The entries as one interchange; the control number that was given last."""
        partner, now = known.partner, self.clock.now()
        numbers = [order_number_of(entry.change.command.command_id) for entry in entries]
        before = {order.order_number: order.version for order in await storage.edi.orders(partner.partner_id, numbers)}
        units = await storage.edi.units([entry.change.command.item_id for entry in entries])
        envelope = Envelope(control_number=known.last_control + 1, prepared_at=now)
        orders: list[Order] = []
        written: list[WrittenOrder] = []
        for entry in entries:
            order = _order(entry, before, units)
            if order is None:
                continue
            if fault := _fault(partner, envelope, order):
                aside = f"order {order.order_number}, item {order.lines[0].item_id}: {fault}"
                await put_aside(storage.edi, partner, "orders", aside, now)
                self.metrics.edi_interchanges.labels(partner.format.value, "unsayable").inc()
                continue
            orders.append(order)
            written.append(_written(entry, order))
            before[order.order_number] = entry.change.command.version
        if not orders:
            return known.last_control
        interchange_id = await storage.edi.add(
            Interchange(
                partner_id=partner.partner_id,
                direction="out",
                kind="orders",
                state="waiting",
                raw=write_orders(partner, envelope, orders),
                at=now,
                control_reference=str(envelope.control_number),
                detail=f"{len(orders)} orders",
            )
        )
        await storage.edi.note_orders(partner.partner_id, [_in(order, interchange_id) for order in written])
        self.metrics.edi_interchanges.labels(partner.format.value, "written").inc()
        return envelope.control_number


async def put_aside(edi: EdiStore, partner: Partner, kind: str, detail: str, now: datetime) -> None:
    """Keep that something cannot be said in the partner's format: it holds up nothing else, and somebody must look at it."""
    _log.error("%s for %s cannot be written: %s", kind, partner.partner_id, detail)
    await edi.add(
        Interchange(
            partner_id=partner.partner_id,
            direction="out",
            kind=kind,
            state="unsayable",
            raw=b"",
            at=now,
            detail=detail,
        )
    )


def _order(entry: LoggedChange, before: Mapping[str, int], units: Mapping[str, str]) -> Order | None:
    """The order of an entry; None for the withdrawal of what this partner was never asked for."""
    command = entry.change.command
    known = before.get(order_number_of(command.command_id))
    if entry.change.what is What.WITHDRAWN:
        purpose = Purpose.CANCEL
        if known is None:
            return None
    elif known is None:
        purpose = Purpose.ORIGINAL
    else:
        purpose = Purpose.DUPLICATE if known >= command.version else Purpose.REPLACE
    return order_of(command, purpose, units.get(command.item_id, "each"))


def _fault(partner: Partner, envelope: Envelope, order: Order) -> str | None:
    try:
        write_orders(partner, envelope, [order])
    except EdiUnsayable as error:
        return error.detail
    return None


def _written(entry: LoggedChange, order: Order) -> WrittenOrder:
    command = entry.change.command
    return WrittenOrder(
        order_number=order.order_number,
        version=command.version,
        command_id=command.command_id,
        item_id=command.item_id,
    )


def _in(order: WrittenOrder, interchange_id: int) -> WrittenOrder:
    return WrittenOrder(
        order_number=order.order_number,
        version=order.version,
        command_id=order.command_id,
        item_id=order.item_id,
        interchange_id=interchange_id,
    )
