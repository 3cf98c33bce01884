"""Reading and checking the tables of a data-set folder (dataset.py): every fault is named with its table, column and examples."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from libs.common.errors import InvalidInput

REQUIRED = {
    "transactions": ("customer_id", "store_id", "basket_id", "product_id", "quantity", "amount_cents", "timestamp"),
    "products": ("product_id", "category", "type", "department", "stock_keeping", "voucherable"),
    "stores": ("store_id",),
    "stock": ("store_id", "product_id", "quantity"),
}
OPTIONAL = {"transactions": ("discount_cents", "coupon_discount_cents"), "stores": ("zone",)}


class InvalidDataset(InvalidInput):
    """A folder that does not keep the contract above; the detail names the table, the column and examples."""

    slug = "invalid-dataset"


def read_table(folder: Path, name: str) -> Any | None:
    """The table as it is in the folder, or None; what a csv says stays text, `NA` and `None` and leading zeros too."""
    parquet, csv = folder / f"{name}.parquet", folder / f"{name}.csv"
    if parquet.exists():
        return pd.read_parquet(parquet)
    return pd.read_csv(csv, dtype=str, keep_default_na=False, na_values=[""]) if csv.exists() else None


def checked(name: str, table: Any) -> Any:
    """The known columns of a table with their types."""
    lacking = [column for column in REQUIRED[name] if column not in table]
    if lacking:
        raise InvalidDataset(
            f"{name}: no column {', '.join(lacking)} (there are: {', '.join(map(str, table.columns))})"
        )
    optional = [column for column in OPTIONAL.get(name, ()) if column in table]
    table = table[[*REQUIRED[name], *optional]].copy()
    for column in table:
        empty = table[column].isna()
        if empty.any():
            raise InvalidDataset(
                f"{name}.{column}: empty in {int(empty.sum())} rows, first in row {int(empty.argmax()) + 1}"
            )
        table[column] = _typed(name, column, table[column])
    return table


def _typed(name: str, column: str, values: Any) -> Any:
    try:
        if column.endswith("_id"):
            return values.astype(int).astype(str) if values.dtype.kind == "f" else values.astype(str)
        if column.endswith("_cents"):
            whole = pd.to_numeric(values).astype("int64")
            refuse(name, column, values[whole != pd.to_numeric(values)], "is no whole number of minor units")
            return whole
        if column == "timestamp":
            return pd.to_datetime(values, utc=True, format="ISO8601")
        if column in {"stock_keeping", "voucherable"}:
            return _booleans(name, column, values)
        if column == "quantity":
            return values.astype(str).map(_decimal_text)
        return values.astype(str)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidDataset(f"{name}.{column}: {error}") from error


def _decimal_text(text: str) -> str:
    """A quantity as plain decimal text: 1.0 becomes 1."""
    return f"{Decimal(text).normalize():f}"


def _booleans(name: str, column: str, values: Any) -> Any:
    truth = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    read = values.astype(str).str.lower().map(truth)
    refuse(name, column, values[read.isna()], "is neither true nor false")
    return read.astype(bool)


def ordered(table: Any) -> Any:
    """Transactions with the optional columns, one customer and store a basket, in the order that `baskets` promises."""
    refuse("transactions", "quantity", table.basket_id[table.quantity == "0"], "has a line of quantity 0")
    returned = table.quantity.str.startswith("-")
    refuse(
        "transactions",
        "amount_cents",
        table.basket_id[returned & (table.amount_cents > 0)],
        "has a return that was paid for",
    )
    for column in ("customer_id", "store_id"):
        baskets = table[["basket_id", column]].drop_duplicates().basket_id
        refuse("transactions", column, baskets[baskets.duplicated()], "is a basket with more than one")
    for column in OPTIONAL["transactions"]:
        if column not in table:
            table[column] = 0
    table["basket_at"] = table.groupby("basket_id").timestamp.transform("min")
    return table.sort_values(["basket_at", "basket_id", "product_id"], kind="stable", ignore_index=True)


def refuse(name: str, column: str, wrong: Any, what: str) -> None:
    """Raise InvalidDataset when anything is wrong, with three examples."""
    if len(wrong):
        examples = ", ".join(repr(value) for value in list(wrong[:3]))
        raise InvalidDataset(f"{name}.{column}: {examples} {what} ({len(wrong)} in all)")


def refuse_unknown(name: str, column: str, values: Any, known: Any) -> None:
    """Raise InvalidDataset for values that are not known."""
    refuse(name, column, values[~values.isin(known)].drop_duplicates(), "is in no row of products")
