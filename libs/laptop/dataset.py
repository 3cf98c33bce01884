"""The data-set folder: what anybody brings to play or to evaluate; read with clear errors, walked basket by basket in order of time.

A folder holds tables as `<name>.parquet` or `<name>.csv`; ids are text or integers (they become text):

transactions (one row a receipt line)
    customer_id, store_id, basket_id, product_id
    quantity                   decimal, not 0; below 0 the line is a return (then the amounts are not above 0)
    amount_cents               integer minor units of one currency: what was paid for the line
    timestamp                  of the line or receipt, as a time or ISO 8601 text; without a zone it is UTC. A basket happens at its earliest one
    discount_cents             optional, integer: taken off by the store
    coupon_discount_cents      optional, integer: taken off by coupons
products
    product_id, category, type, department
    stock_keeping, voucherable booleans: is it counted in stock; may a voucher be given for it (no: fuel, till codes, gift cards)
stores (optional)              store_id, zone (IANA name, optional)
stock (optional)               store_id, product_id, quantity: opening stock

A basket has one customer and one store. Every product of a transaction is in `products`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from libs.laptop.dataset_checks import REQUIRED, InvalidDataset, checked, ordered, read_table, refuse, refuse_unknown

TABLES_REQUIRED = ("transactions", "products")
DEFAULT_ZONE = "UTC"


class Line(NamedTuple):
    """One line of a basket; `coupon_discount_cents` comes on top of `discount_cents`."""

    product_id: str
    quantity: Decimal
    amount_cents: int
    discount_cents: int
    coupon_discount_cents: int


@dataclass(frozen=True, slots=True)
class Basket:
    """One receipt; lines in the order of product ids."""

    basket_id: str
    customer_id: str
    store_id: str
    occurred_at: datetime
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """One row of the catalogue."""

    product_id: str
    category: str
    type: str
    department: str
    stock_keeping: bool
    voucherable: bool


@dataclass(frozen=True, slots=True)
class Store:
    """A store and the zone of its clock."""

    store_id: str
    zone: str = DEFAULT_ZONE


class OpeningStock(NamedTuple):
    """What lies in a store before the first basket."""

    store_id: str
    product_id: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Dataset:
    """Checked tables; made by `read` or `of_tables`."""

    products: dict[str, Product]
    stores: dict[str, Store]
    stock: tuple[OpeningStock, ...]
    transactions: Any  # a pandas frame in the order of (basket's time, basket id, product id)

    @classmethod
    def read(cls, folder: Path) -> "Dataset":
        """The data set in a folder; raises InvalidDataset."""
        if not folder.is_dir():
            raise InvalidDataset(f"{folder}: no such folder")
        return cls.of_tables({name: table for name in REQUIRED if (table := read_table(folder, name)) is not None})

    @classmethod
    def of_tables(cls, tables: dict[str, Any]) -> "Dataset":
        """The data set of pandas frames by table name; raises InvalidDataset."""
        for name in TABLES_REQUIRED:
            if name not in tables:
                raise InvalidDataset(f"{name}: neither {name}.parquet nor {name}.csv is there")
        good = {name: checked(name, table) for name, table in tables.items()}
        transactions, products = ordered(good["transactions"]), good["products"]
        refuse_unknown("transactions", "product_id", transactions.product_id, products.product_id)
        return cls(
            products=_products(products),
            stores=_stores(good.get("stores"), transactions),
            stock=_stock(good.get("stock")),
            transactions=transactions,
        )

    def write(self, folder: Path) -> None:
        """Write the folder that `read` gives back."""
        folder.mkdir(parents=True, exist_ok=True)
        self.transactions.drop(columns="basket_at").to_parquet(folder / "transactions.parquet", index=False)
        pd.DataFrame(map(asdict, self.products.values())).to_parquet(folder / "products.parquet", index=False)
        pd.DataFrame(map(asdict, self.stores.values())).to_parquet(folder / "stores.parquet", index=False)
        if self.stock:
            pd.DataFrame(self.stock).astype({"quantity": str}).to_parquet(folder / "stock.parquet", index=False)

    @property
    def basket_count(self) -> int:
        """How many baskets `baskets` gives."""
        return int(self.transactions.basket_id.nunique())

    def baskets(self) -> Iterator[Basket]:
        """All baskets in the order of (time, basket id)."""
        table = self.transactions
        names = ("basket_id", "customer_id", "store_id", "product_id")
        ids, customers, stores, products = (table[name].tolist() for name in names)
        times = table.basket_at.dt.to_pydatetime().tolist()
        numbers = (table[name].tolist() for name in ("amount_cents", "discount_cents", "coupon_discount_cents"))
        lines = [Line(*row) for row in zip(products, map(Decimal, table.quantity.tolist()), *numbers, strict=True)]
        first = 0
        for row in range(1, len(ids) + 1):
            if row == len(ids) or ids[row] != ids[first]:
                yield Basket(ids[first], customers[first], stores[first], times[first], tuple(lines[first:row]))
                first = row


def _products(table: Any) -> dict[str, Product]:
    refuse("products", "product_id", table.product_id[table.product_id.duplicated()], "is there twice")
    columns = [table[name].tolist() for name in REQUIRED["products"]]
    return {row[0]: Product(*row) for row in zip(*columns, strict=True)}


def _stores(table: Any | None, transactions: Any) -> dict[str, Store]:
    stores = {store_id: Store(store_id) for store_id in sorted(transactions.store_id.unique())}
    if table is not None:
        zones = table["zone"] if "zone" in table else [DEFAULT_ZONE] * len(table)
        stores |= {store_id: Store(store_id, zone) for store_id, zone in zip(table.store_id, zones, strict=True)}
    return stores


def _stock(table: Any | None) -> tuple[OpeningStock, ...]:
    if table is None:
        return ()
    rows = zip(table.store_id, table.product_id, table.quantity, strict=True)
    return tuple(OpeningStock(store, product, Decimal(quantity)) for store, product, quantity in rows)
