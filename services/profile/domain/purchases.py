"""Many purchases of one identifier as columns: how a delta keeps them; the worker writes them, folders work them in.

A batch of a worker that is behind holds dozens of purchases of a customer. What they have in common is said once: an item's name
and labels; and a column costs a fraction of as many objects, to write, to store, to read and to add up.
"""

from collections.abc import Mapping
from itertools import accumulate, repeat

from msgspec import Struct

from services.profile.domain.contact import PackedPurchase


class ItemLabel(Struct, frozen=True, array_like=True, gc=False):
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


class NotedReceipt(Struct, frozen=True, array_like=True, gc=False):
    """A receipt or a web order but for its lines."""

    event_id: str
    receipt_id: str
    occurred_at_seconds: int
    store_id: str
    channel: str
    utc_offset_minutes: int
    coupon_cents: int
    line_count: int


class Purchases(Struct, frozen=True, array_like=True, gc=False):
    """Items with their labels; receipts; and the lines of all receipts, which name items by number.

    It is stored as it is: fields may be added at the end with a default, none may move.
    """

    items: list[str]
    labels: list[ItemLabel]
    receipts: list[NotedReceipt]
    item_numbers: list[int]
    quantities_milli: list[int]
    amounts_cents: list[int]
    discounts_cents: list[int]

    def each(self) -> tuple[PackedPurchase, ...]:
        """The purchases one by one."""
        ends = accumulate([receipt.line_count for receipt in self.receipts])
        return tuple(map(self._ending, self.receipts, ends))

    def at(self, position: int) -> PackedPurchase:
        """One of them."""
        end = sum([receipt.line_count for receipt in self.receipts[: position + 1]])
        return self._ending(self.receipts[position], end)

    def _ending(self, receipt: NotedReceipt, end: int) -> PackedPurchase:
        lines = slice(end - receipt.line_count, end)
        numbers = self.item_numbers[lines]
        labels = [self.labels[number] for number in numbers]
        return PackedPurchase(
            receipt.event_id,
            receipt.receipt_id,
            receipt.occurred_at_seconds,
            receipt.store_id,
            tuple([self.items[number] for number in numbers]),
            tuple([label.category for label in labels]),
            tuple([label.item_type for label in labels]),
            tuple(self.quantities_milli[lines]),
            tuple(self.amounts_cents[lines]),
            tuple(self.discounts_cents[lines]),
            tuple([label.rankable for label in labels]),
            receipt.channel,
            receipt.utc_offset_minutes,
            receipt.coupon_cents,
        )


def purchases_of(purchase: PackedPurchase) -> Purchases:
    """The columns of one purchase: an item that it names twice is there twice, with the label of each line."""
    receipt = NotedReceipt(
        purchase.event_id,
        purchase.receipt_id,
        purchase.occurred_at_seconds,
        purchase.store_id,
        purchase.channel,
        purchase.utc_offset_minutes,
        purchase.coupon_cents,
        len(purchase.items),
    )
    return Purchases(
        list(purchase.items),
        list(map(ItemLabel, purchase.categories, purchase.types, purchase.rankable)),
        [receipt],
        list(range(len(purchase.items))),
        list(purchase.quantities_milli),
        list(purchase.amounts_cents),
        list(purchase.discounts_cents),
    )


class Noted:
    """Purchases as they come, of one identifier in one batch; its items have the labels of that batch."""

    __slots__ = ("_items", "_lines", "_receipts")

    def __init__(self) -> None:
        self._receipts: list[NotedReceipt] = []
        self._items: list[str] = []
        self._lines: tuple[list[int], list[int], list[int]] = ([], [], [])

    def add(
        self, bought: Bought, event_id: str, occurred_at_seconds: int, channel: str, utc_offset_minutes: int
    ) -> int:
        """One more; returns its position."""
        quantities, amounts, discounts = self._lines
        self._items += bought.items
        quantities += bought.quantities_milli
        amounts += bought.amounts_cents
        discounts += bought.discounts_cents
        self._receipts.append(
            NotedReceipt(
                event_id,
                bought.receipt_id,
                occurred_at_seconds,
                bought.store_id,
                channel,
                utc_offset_minutes,
                bought.coupon_cents,
                len(bought.items),
            )
        )
        return len(self._receipts) - 1

    def columns(self, labels: Mapping[str, ItemLabel]) -> Purchases:
        """All of them; `labels` are of the items that are known."""
        items = list(dict.fromkeys(self._items))
        number_of = dict(zip(items, range(len(items)), strict=True))
        return Purchases(
            items,
            list(map(labels.get, items, repeat(UNLISTED))),
            self._receipts,
            list(map(number_of.__getitem__, self._items)),
            *self._lines,
        )
