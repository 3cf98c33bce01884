"""Many purchases of one identifier as columns: how a delta keeps them; the worker writes them, folders work them in.

A batch of a worker that is behind holds dozens of purchases of a customer. What they have in common is said once: an item's name
and labels; and a column costs a fraction of as many objects, to write, to store, to read and to add up.
"""

from collections.abc import Mapping
from itertools import accumulate, repeat
from typing import Any, NamedTuple

from msgspec import Struct

from services.profile.domain.contact import PackedPurchase


class ItemLabel(NamedTuple):
    """What a purchase notes of an item: its category and type then, and whether it may be ranked."""

    category: str
    item_type: str
    rankable: bool


UNLISTED = ItemLabel("", "", rankable=True)
"""Of an item that no catalogue told of."""


class Bought(Struct, frozen=True, gc=False):
    """A receipt or a web order that counts: quantities in thousandths of the line's unit, money in minor units of `currency`.

    `discounts_cents` is what was taken off each line, `coupon_cents` what coupons took off or paid; `holder` is an identifier's key.
    """

    receipt_id: str
    store_id: str
    currency: str
    holder: str | None
    items: list[str]
    quantities_milli: list[int]
    amounts_cents: list[int]
    discounts_cents: list[int]
    coupon_cents: int


class Purchases(Struct, frozen=True, array_like=True, gc=False):
    """What was bought of which items in which receipts; stored as it is: fields may be added at the end with a default, none may move.

    Items with their labels; receipts; and their lines, `line_counts` of them to each receipt, that name items by number.
    """

    items: list[str]
    categories: list[str]
    types: list[str]
    rankable: list[bool]
    event_ids: list[str]
    receipt_ids: list[str]
    occurred_at_seconds: list[int]
    store_ids: list[str]
    channels: list[str]
    utc_offset_minutes: list[int]
    coupon_cents: list[int]
    line_counts: list[int]
    item_numbers: list[int]
    quantities_milli: list[int]
    amounts_cents: list[int]
    discounts_cents: list[int]

    def each(self) -> tuple[PackedPurchase, ...]:
        """The purchases one by one."""
        ends = accumulate(self.line_counts)
        return tuple([self._between(place, end) for place, end in enumerate(ends)])

    def at(self, position: int) -> PackedPurchase:
        """One of them."""
        return self._between(position, sum(self.line_counts[: position + 1]))

    def _between(self, place: int, end: int) -> PackedPurchase:
        lines = slice(end - self.line_counts[place], end)
        numbers = self.item_numbers[lines]
        return PackedPurchase(
            self.event_ids[place],
            self.receipt_ids[place],
            self.occurred_at_seconds[place],
            self.store_ids[place],
            tuple([self.items[number] for number in numbers]),
            tuple([self.categories[number] for number in numbers]),
            tuple([self.types[number] for number in numbers]),
            tuple(self.quantities_milli[lines]),
            tuple(self.amounts_cents[lines]),
            tuple(self.discounts_cents[lines]),
            tuple([self.rankable[number] for number in numbers]),
            self.channels[place],
            self.utc_offset_minutes[place],
            self.coupon_cents[place],
        )


class Noted:
    """Purchases as they come, of one identifier in one batch; its items have the labels of that batch."""

    __slots__ = ("_lines", "_number", "_receipts")

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._receipts: list[tuple[str, str, int, str, str, int, int, int]] = []
        self._lines: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])

    def add(
        self, bought: Bought, event_id: str, occurred_at_seconds: int, channel: str, utc_offset_minutes: int
    ) -> int:
        """One more; returns its position."""
        number_of = self._number
        numbers, quantities, amounts, discounts = self._lines
        items = bought.items
        numbers += [number_of.setdefault(item, len(number_of)) for item in items]
        quantities += bought.quantities_milli
        amounts += bought.amounts_cents
        discounts += bought.discounts_cents
        receipts = self._receipts
        receipts.append(
            (
                event_id,
                bought.receipt_id,
                occurred_at_seconds,
                bought.store_id,
                channel,
                utc_offset_minutes,
                bought.coupon_cents,
                len(items),
            )
        )
        return len(receipts) - 1

    def columns(self, labels: Mapping[str, ItemLabel]) -> Purchases:
        """All of them, at least one; `labels` are of the items that are known."""
        items = list(self._number)
        categories, types, rankable = map(list, zip(*map(labels.get, items, repeat(UNLISTED)), strict=True))
        receipts: tuple[list[Any], ...] = tuple(map(list, zip(*self._receipts, strict=True)))
        event_ids, receipt_ids, times, stores, channels, offsets, coupons, counts = receipts
        return Purchases(
            items,
            categories,
            types,
            rankable,
            event_ids,
            receipt_ids,
            times,
            stores,
            channels,
            offsets,
            coupons,
            counts,
            *self._lines,
        )
