"""The part of a data set that a play sends, and what is known of it beforehand: prices, favourites, opening stock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property

from libs.laptop.complete_journey import NAME, Cut, open_dataset
from libs.laptop.dataset import Basket, Dataset, Product
from libs.laptop.opening_stock import StoreItem, opening_stock

DEFAULT_CURRENCY = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to play: days are counted from the first day of `first_week`; None is all."""

    weeks: int | None = None
    days: int | None = None
    first_week: int = 1
    stores: int | None = None
    """The busiest ones; for the built-in data set."""
    households: int | None = None
    """A fixed sample; for the built-in data set."""

    @property
    def length(self) -> timedelta | None:
        """How long the slice is, None for all there is."""
        if self.weeks is None and self.days is None:
            return None
        return timedelta(weeks=self.weeks or 0, days=self.days or 0)


@dataclass(frozen=True)
class Slice:
    """Baskets in the order of event time, and the data set that they are from."""

    name: str
    dataset: Dataset
    baskets: Sequence[Basket]
    currency: str = DEFAULT_CURRENCY

    @classmethod
    def read(cls, name: str, choice: Choice, currency: str = DEFAULT_CURRENCY) -> "Slice":
        """The built-in data set by its name, else a folder's; raises InvalidDataset."""
        whole_weeks = None if choice.length is None else -(-choice.length // timedelta(weeks=1)) + 1
        # The built-in data set's first week is a short one: one week more, then cut by days.
        cut = Cut(choice.first_week, whole_weeks, choice.stores, choice.households)
        dataset = open_dataset(name, cut)
        first = 0 if name == NAME else choice.first_week - 1
        return cls(name, dataset, _cut(list(dataset.baskets()), first, choice.length), currency)

    @cached_property
    def starts_at(self) -> datetime:
        """Midnight before the first basket; raises ValueError when there is none."""
        if not self.baskets:
            raise ValueError(f"{self.name}: no baskets in this slice")
        return datetime.combine(self.baskets[0].occurred_at.date(), time(), UTC)

    @property
    def weeks(self) -> float:
        """From the start to the last basket."""
        return (self.baskets[-1].occurred_at - self.starts_at) / timedelta(weeks=1)

    @cached_property
    def products(self) -> Mapping[str, Product]:
        """What the slice sells, or a given stock holds, by id."""
        sold = {line.product_id for basket in self.baskets for line in basket.lines}
        stocked = {row.product_id for row in self.dataset.stock}
        return {id_: self.dataset.products[id_] for id_ in sorted(sold | stocked)}

    @cached_property
    def store_ids(self) -> Sequence[str]:
        """The stores with a basket."""
        return sorted({basket.store_id for basket in self.baskets})

    @cached_property
    def customer_ids(self) -> Sequence[str]:
        """The customers with a basket."""
        return sorted({basket.customer_id for basket in self.baskets})

    @cached_property
    def prices_cents(self) -> Mapping[str, int]:
        """The price that most pieces of an item had before discounts."""
        seen: dict[str, Counter[int]] = {}
        for basket in self.baskets:
            for line in basket.lines:
                full_cents = line.amount_cents + line.discount_cents + line.coupon_discount_cents
                seen.setdefault(line.product_id, Counter())[int(full_cents / line.quantity)] += 1
        return {
            item_id: max(prices.items(), key=lambda price: (price[1], price[0]))[0] for item_id, prices in seen.items()
        }

    @cached_property
    def favourites(self) -> Mapping[str, str]:
        """Each voucherable category's item that is on most receipts."""
        counts = Counter(line.product_id for basket in self.baskets for line in basket.lines)
        best: dict[str, str] = {}
        for item_id, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            if self.products[item_id].voucherable and self.prices_cents[item_id] > 0:
                best.setdefault(self.products[item_id].category, item_id)
        return best

    def stock(self, seed: int) -> tuple[Mapping[StoreItem, Decimal], bool]:
        """Opening stock by (store, item), and whether it is synthetic: the data set's own where it has any."""
        if self.dataset.stock:
            return {(row.store_id, row.product_id): row.quantity for row in self.dataset.stock}, False
        sold: Counter[StoreItem] = Counter()
        for basket in self.baskets:
            for line in basket.lines:
                if self.products[line.product_id].stock_keeping and line.quantity > 0:
                    sold[basket.store_id, line.product_id] += round(line.quantity)
        made_up = opening_stock(sold, self.weeks, seed)
        return {pair: Decimal(units) for pair, units in made_up.items()}, True

    def shorter(self, baskets: int) -> "Slice":
        """The same with its first baskets only."""
        return replace(self, baskets=self.baskets[:baskets])


def _cut(baskets: list[Basket], weeks_left_out: int, length: timedelta | None) -> list[Basket]:
    if not baskets:
        return []
    starts_at = datetime.combine(baskets[0].occurred_at.date(), time(), UTC) + timedelta(weeks=weeks_left_out)
    ends_at = datetime.max.replace(tzinfo=UTC) if length is None else starts_at + length
    return [basket for basket in baskets if starts_at <= basket.occurred_at < ends_at]
