"""Issued vouchers as demand to come; called for `offers.vouchers.v1`."""

from collections import Counter
from collections.abc import Iterator, Sequence

from libs.common.contracts import Event
from libs.common.contracts.offers import VoucherIssued
from services.inventory.domain.shelves import day_of
from services.inventory.ports import InventoryStore, VoucherDemand

GREATEST_ITEMS = 20
"""A voucher for more items than this is expected on its category."""

_MICRO = 1_000_000


async def take_vouchers(store: InventoryStore, events: Sequence[Event]) -> int:
    """Add what each voucher will probably sell to its days, store and item (or category); returns how many vouchers.

    Integer sums: the order of arrival cannot matter. What was redeemed early is not taken out again: its days pass.
    """
    sums: Counter[tuple[str, str, str, int, int]] = Counter()
    issued = [event.data for event in events if isinstance(event.data, VoucherIssued)]
    for voucher in issued:
        for key, expected_micro in _expected(voucher):
            sums[key] += expected_micro
    await store.stock.expect(
        [
            VoucherDemand(
                store_id=store_id,
                item_id=item_id,
                category=category,
                first_day=first_day,
                last_day=last_day,
                expected_micro=expected_micro,
            )
            for (store_id, item_id, category, first_day, last_day), expected_micro in sums.items()
            if expected_micro
        ]
    )
    return len(issued)


def _expected(voucher: VoucherIssued) -> Iterator[tuple[tuple[str, str, str, int, int], int]]:
    days = (day_of(voucher.valid_from), day_of(voucher.expires_at))
    units = voucher.redemption_ratio * (voucher.expected_quantity or 1)
    category = voucher.category or ""
    if voucher.item_ids and len(voucher.item_ids) <= GREATEST_ITEMS:
        each = int(units * _MICRO / len(voucher.item_ids))
        for item_id in voucher.item_ids:
            yield (voucher.store_id, item_id, category, *days), each
    elif category:
        yield (voucher.store_id, "", category, *days), int(units * _MICRO)
