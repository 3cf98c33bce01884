"""Goods that come back of receipts on which a lane gave what no voucher's reserve paid."""

from collections.abc import Sequence
from decimal import Decimal

from services.offers.domain.lanes.lease import give_back_share
from services.offers.ports.lanes.journals import KnownEntry, OfflineStore
from services.offers.ports.money import Cause


async def give_back_offline(
    store: OfflineStore, receipt_id: str, returned: Sequence[tuple[str, Decimal]] | None, cause: Cause
) -> int:
    """Goods of a receipt came back, by item, or all of it (None): their share of what was given in conflict; returns the cents."""
    cents = 0
    for entry in await store.lock_receipt(receipt_id):
        cents += await give_back_entry(store, entry, returned, cause)
    return cents


async def give_back_entry(
    store: OfflineStore, entry: KnownEntry, returned: Sequence[tuple[str, Decimal]] | None, cause: Cause
) -> int:
    """The same for one entry, which must be locked."""
    left: dict[str, Decimal] = {}
    for item_id, quantity in returned or ():
        left[item_id] = left.get(item_id, Decimal(0)) + quantity
    lost_cents, cents = entry.lost_cents, 0
    for line in await store.lines(entry.redemption_id):
        wanted = line.so_far.quantity if returned is None else left.get(line.item_id, Decimal(0))
        taken, spent_cents, found_cents = give_back_share(line.so_far, wanted, lost_cents=lost_cents)
        if taken:
            left[line.item_id] = left.get(line.item_id, taken) - taken
            lost_cents -= found_cents
            cents += spent_cents + found_cents
            await store.give_back(entry, line, taken, (spent_cents, found_cents), cause)
    return cents
