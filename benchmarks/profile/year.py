"""A year of Complete Journey as the front door would have published it; laid into topics before a run."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice

import msgspec

from libs.common.contracts import decode
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.envelope import format_moment
from libs.common.contracts.registry import new_event
from libs.common.contracts.topics import INGEST_CATALOG, INGEST_POS
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, StreamSettings
from libs.laptop.complete_journey import Cut, load
from libs.laptop.dataset import Basket, Dataset, Line

CURRENCY = "USD"
_AT_ONCE = 5_000
Progress = Callable[[str, int, int], None]
"""Told a title, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Year:
    """The data set; `lines` counts what is sold."""

    dataset: Dataset
    baskets: int
    lines: int

    @classmethod
    def of(cls, weeks: int | None) -> "Year":
        """All of it, or the first weeks."""
        dataset = load(Cut(weeks=weeks))
        return cls(dataset, dataset.basket_count, len(dataset.transactions))

    def sales(self) -> Iterator[OutboxMessage]:
        """Each basket as an accepted sale."""
        return (sale_of(basket) for basket in self.dataset.baskets())

    def catalogue(self) -> Iterator[OutboxMessage]:
        """Items and stores."""
        at = next(self.dataset.baskets()).occurred_at - timedelta(days=1)
        bodies: Iterable[CatalogItem | CatalogStore] = (*self._items(), *self._stores())
        for number, body in enumerate(bodies):
            event = new_event(body, event_id=f"c{number}", source="urn:bench", occurred_at=at, received_at=at)
            yield OutboxMessage.of(event, INGEST_CATALOG)

    def _items(self) -> Iterator[CatalogItem]:
        for product in self.dataset.products.values():
            yield CatalogItem(
                item_id=product.product_id,
                name=product.product_id,
                category=product.category,
                item_type=product.type,
                department=product.department,
                currency=CURRENCY,
                voucherable=product.voucherable,
            )

    def _stores(self) -> Iterator[CatalogStore]:
        for store in self.dataset.stores.values():
            yield CatalogStore(
                store_id=store.store_id, name=store.store_id, time_zone="UTC", country="US", currency=CURRENCY
            )


async def lay(settings: StreamSettings, messages: Iterable[OutboxMessage], count: int, progress: Progress) -> None:
    """Send messages and wait for their acknowledgements; the first of them must be readable."""
    producer, done = Producer(settings), 0
    messages = iter(messages)
    while some := list(islice(messages, _AT_ONCE)):
        if not done and some[0].headers:
            decode(some[0].headers, some[0].value)
        refused = [error for error in await producer.send_many(some) if error is not None]
        if refused:
            raise refused[0]
        done += len(some)
        progress(some[0].topic, done, count)
    await producer.stop()


def sale_of(basket: Basket) -> OutboxMessage:
    """The basket as an accepted sale; made by hand, for with the contract's own class a year takes a minute."""
    who = f"loyalty_card:{basket.customer_id}"
    body = {
        "receipt_id": basket.basket_id,
        "store_id": basket.store_id,
        "terminal_id": "1",
        "customer": {"kind": "loyalty_card", "value": basket.customer_id},
        "training": False,
        "currency": CURRENCY,
        "cancelled": False,
        "lines": [_line(number, line) for number, line in enumerate(basket.lines, 1)],
        "total_cents": sum(line.amount_cents for line in basket.lines),
        "tenders": [],
        "vouchers_scanned": [],
    }
    at = format_moment(basket.occurred_at).encode()
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", f"sale-{basket.basket_id}".encode()),
        ("ce_source", f"urn:till:{basket.store_id}".encode()),
        ("ce_type", b"usual.pos.sale.v1"),
        ("ce_time", at),
        ("ce_dataschema", b"urn:the-usual:schema:usual.pos.sale.v1"),
        ("ce_partitionkey", who.encode()),
        ("ce_receivedat", at),
        ("content-type", b"application/json"),
    )
    return OutboxMessage(topic=INGEST_POS.name, key=who.encode(), headers=headers, value=msgspec.json.encode(body))


def _line(number: int, line: Line) -> dict[str, object]:
    taken_off = [cents for cents in (line.discount_cents, line.coupon_discount_cents) if cents > 0]
    return {
        "line_no": number,
        "item_id": line.product_id,
        "quantity": _plain(line.quantity),
        "unit": "each",
        "amount_cents": line.amount_cents,
        "tax_ratio": "0",
        "discounts": [{"amount_cents": cents, "funder": "retailer", "kind": "discount"} for cents in taken_off],
    }


def _plain(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")


def categories(dataset: Dataset) -> Sequence[tuple[str, str]]:
    """(item, category), for the peer."""
    return [(product.product_id, product.category) for product in dataset.products.values()]
