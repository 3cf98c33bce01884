"""Stage one: receipts become demand by item, on their way to whichever worker owns the item; called for `ingest.pos.v1`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from libs.common.contracts import Event, new_event
from libs.common.contracts.inventory import DemandMoved
from libs.common.contracts.pos import Return, Sale, Void
from libs.common.contracts.topics import INVENTORY_DEMAND
from libs.common.ids import derived_id
from libs.common.persistence import OutboxMessage
from services.inventory.domain.stock.receipts import DemandLine, lines_of
from services.inventory.handlers import SOURCE
from services.inventory.ports import InventoryStore, SoldReceipt, VoidedReceipt


async def take_receipts(store: InventoryStore, events: Sequence[Event]) -> int:
    """Append a DemandMoved per line of goods that moved; returns how many.

    A void takes back the lines of its receipt whichever of the two comes first: each line moves once at the sale's time and once,
    the other way, at the void's. The ids of what is published follow from the ids of what was read.
    """
    sold: dict[tuple[str, str], SoldReceipt] = {}
    voided: dict[tuple[str, str], VoidedReceipt] = {}
    moved: list[tuple[Event, str, Sequence[DemandLine]]] = []
    for event in events:
        receipt = event.data
        if isinstance(receipt, Void) and receipt.counts:
            voided.setdefault((receipt.store_id, receipt.voided_receipt_id), _voided(event, receipt))
        elif isinstance(receipt, (Sale, Return)) and receipt.counts:
            lines = lines_of(receipt)
            moved.append((event, receipt.store_id, lines))
            key = (receipt.store_id, receipt.receipt_id)
            sold.setdefault(key, SoldReceipt(store_id=receipt.store_id, receipt_id=receipt.receipt_id, lines=lines))
    taken_back = [
        *await store.receipts.register(list(sold.values())),
        *await store.receipts.void(list(voided.values())),
    ]
    lines_moved = [lines for _, _, lines in moved] + [undone.lines for undone, _ in taken_back]
    not_kept = set(await store.catalog.not_kept({line.item_id for lines in lines_moved for line in lines}))
    messages = [
        message
        for event, store_id, lines in moved
        for message in _messages(event.event_id, store_id, lines, event.occurred_at, event.received_at, not_kept)
    ]
    for undone, void in taken_back:
        lines = [line.taken_back() for line in undone.lines]
        messages += _messages(void.event_id, undone.store_id, lines, void.occurred_at, void.accepted_at, not_kept)
    await store.append(messages)
    return len(messages)


def _voided(event: Event, receipt: Void) -> VoidedReceipt:
    return VoidedReceipt(
        store_id=receipt.store_id,
        receipt_id=receipt.voided_receipt_id,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        accepted_at=event.received_at,
    )


def _messages(
    event_id: str,
    store_id: str,
    lines: Sequence[DemandLine],
    occurred_at: datetime,
    received_at: datetime | None,
    not_kept: set[str],
) -> list[OutboxMessage]:
    """One message a line of goods; unknown items pass, they may be listed later."""
    return [
        OutboxMessage.of(
            new_event(
                # Made from what was validated before: checking each line again would cost more than all the rest.
                DemandMoved.model_construct(
                    item_id=line.item_id,
                    store_id=store_id,
                    quantity=Decimal(line.quantity_milli).scaleb(-3),
                    amount_cents=line.amount_cents,
                ),
                event_id=derived_id("demand", event_id, str(place)),
                source=SOURCE,
                occurred_at=occurred_at,
                received_at=received_at,
            ),
            INVENTORY_DEMAND,
        )
        for place, line in enumerate(lines)
        if line.item_id not in not_kept
    ]
