"""Laws of the data-set folder: what is written is read again, order is that of time, every fault is named."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from libs.laptop.complete_journey import Cut, load, open_dataset
from libs.laptop.dataset import Dataset, Store
from libs.laptop.dataset_checks import InvalidDataset

TRANSACTIONS = """customer_id,store_id,basket_id,product_id,quantity,amount_cents,timestamp
007,s1,b2,milk,1,199,2024-03-02T10:00:00
007,s1,b2,ham,0.355,402,2024-03-02T10:01:00
anna,s2,b1,milk,2,398,2024-03-01T09:00:00+01:00
anna,s2,b3,milk,-1,-199,2024-03-03T09:00:00
"""
PRODUCTS = """product_id,category,type,department,stock_keeping,voucherable
milk,Dairy,Whole milk,Fresh,true,true
ham,Deli,Ham,Fresh,1,no
"""


def a_folder(folder: Path, transactions: str = TRANSACTIONS, products: str = PRODUCTS, **more: str) -> Path:
    for name, text in {"transactions": transactions, "products": products, **more}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_baskets_come_in_the_order_of_time_with_their_lines(tmp_path: Path) -> None:
    baskets = list(Dataset.read(a_folder(tmp_path)).baskets())
    assert [basket.basket_id for basket in baskets] == ["b1", "b2", "b3"]
    assert baskets[0].occurred_at == datetime(2024, 3, 1, 8, 0, tzinfo=UTC)
    assert [(line.product_id, line.quantity, line.amount_cents) for line in baskets[1].lines] == [
        ("ham", Decimal("0.355"), 402),
        ("milk", Decimal(1), 199),
    ]
    assert baskets[1].customer_id == "007"
    assert baskets[1].occurred_at == datetime(2024, 3, 2, 10, 0, tzinfo=UTC)
    assert baskets[2].lines[0].quantity == -1


def test_baskets_of_the_same_second_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    same = TRANSACTIONS.replace("2024-03-01T09:00:00+01:00", "2024-03-02T10:00:00Z")
    assert [basket.basket_id for basket in Dataset.read(a_folder(tmp_path, same)).baskets()] == ["b1", "b2", "b3"]


def test_flags_stores_and_stock_are_read(tmp_path: Path) -> None:
    folder = a_folder(
        tmp_path, stores="store_id,zone\ns1,Europe/Berlin\n", stock="store_id,product_id,quantity\ns1,milk,12\n"
    )
    dataset = Dataset.read(folder)
    assert dataset.products["milk"].voucherable
    assert not dataset.products["ham"].voucherable
    assert dataset.stores == {"s1": Store("s1", "Europe/Berlin"), "s2": Store("s2", "UTC")}
    assert dataset.stock[0].quantity == 12


def test_a_csv_says_what_it_says(tmp_path: Path) -> None:
    products = PRODUCTS + "NA,None,null,007,true,true\n"
    transactions = TRANSACTIONS + "NULL,NA,b4,NA,1,100,2024-03-04T09:00:00\n"
    dataset = Dataset.read(a_folder(tmp_path, transactions, products))
    other = dataset.products["NA"]
    assert (other.category, other.type, other.department) == ("None", "null", "007")
    last = list(dataset.baskets())[-1]
    assert (last.customer_id, last.store_id, last.lines[0].product_id) == ("NULL", "NA", "NA")
    with pytest.raises(InvalidDataset, match=r"customer_id: empty in 1 rows, first in row 5"):
        Dataset.read(a_folder(tmp_path, TRANSACTIONS + ",s1,b5,milk,1,100,2024-03-04T09:00:00\n"))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    stock = "store_id,product_id,quantity\ns1,milk,12.5\n"
    dataset = Dataset.read(a_folder(tmp_path / "csv", stock=stock))
    dataset.write(tmp_path / "parquet")
    copied = Dataset.read(tmp_path / "parquet")
    assert list(copied.baskets()) == list(dataset.baskets())
    assert (copied.products, copied.stores, copied.stock) == (dataset.products, dataset.stores, dataset.stock)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"transactions": TRANSACTIONS.replace("amount_cents", "amount")}, "no column amount_cents"),
        ({"transactions": TRANSACTIONS.replace("402", "4.02")}, r"transactions.amount_cents: .*whole number"),
        ({"transactions": TRANSACTIONS.replace("ham", "jam")}, "'jam' is in no row of products"),
        ({"transactions": TRANSACTIONS.replace("0.355", "0")}, "'b2' has a line of quantity 0"),
        ({"transactions": TRANSACTIONS.replace("0.355", "some")}, "transactions.quantity"),
        ({"transactions": TRANSACTIONS.replace("-199", "199")}, "'b3' has a return that was paid for"),
        (
            {"transactions": TRANSACTIONS.replace("007,s1,b2,ham", "008,s1,b2,ham")},
            "'b2' is a basket with more than one",
        ),
        ({"transactions": TRANSACTIONS.replace("2024-03-03T09:00:00", "tomorrow")}, "transactions.timestamp"),
        ({"transactions": TRANSACTIONS.replace("anna,s2,b1", ",s2,b1")}, "transactions.customer_id: empty in 1 rows"),
        ({"products": PRODUCTS.replace(",no", ",perhaps")}, "'perhaps' is neither true nor false"),
        ({"products": PRODUCTS + PRODUCTS.splitlines()[1]}, "'milk' is there twice"),
    ],
)
def test_a_fault_is_named_with_table_column_and_example(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidDataset, match=message):
        Dataset.read(a_folder(tmp_path, **wrong))


def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="no such folder"):
        Dataset.read(tmp_path / "nowhere")
    with pytest.raises(InvalidDataset, match="transactions"):
        Dataset.read(tmp_path)


def test_the_built_in_data_set_has_whole_cents_and_tells_goods_from_fuel() -> None:
    dataset = load(Cut(weeks=1, stores=2, households=40))
    assert len(dataset.stores) == 2
    assert pd.Series([basket.customer_id for basket in dataset.baskets()]).nunique() <= 40
    by_department = {product.department: product for product in dataset.products.values()}
    assert not by_department["FUEL"].voucherable
    assert not by_department["FUEL"].stock_keeping
    assert by_department["PRODUCE"].voucherable
    assert all(line.quantity > 0 and line.amount_cents >= 0 for basket in dataset.baskets() for line in basket.lines)


def test_a_name_opens_the_built_in_data_set_and_a_path_a_folder(tmp_path: Path) -> None:
    assert open_dataset(str(a_folder(tmp_path))).basket_count == 3
    assert open_dataset("complete-journey", Cut(weeks=1, households=5)).basket_count > 0
