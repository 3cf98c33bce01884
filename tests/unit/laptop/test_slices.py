"""Laws of the part of a data set that is played: anybody's folder, cut by days, with what is known beforehand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from libs.common.contracts import StructuredEvent, contract_of
from libs.laptop.dataset import Dataset
from libs.laptop.slices import Choice, Slice
from libs.laptop.stage import consent_events, master_events, stock_events

DAY = datetime(2026, 3, 1, 10, tzinfo=UTC)


def dataset(stock: bool = False) -> Dataset:  # noqa: FBT001, FBT002 - one switch
    rows = [
        ("ann", "north", "b1", "milk", "1", 100, DAY),
        ("ann", "north", "b1", "fuel", "20.5", 4000, DAY),
        ("bob", "south", "b2", "milk", "2", 220, DAY + timedelta(days=3)),
        ("bob", "south", "b3", "milk", "-1", -110, DAY + timedelta(days=9)),
        ("ann", "south", "b4", "bread", "1", 250, DAY + timedelta(days=9)),
    ]
    names = ["customer_id", "store_id", "basket_id", "product_id", "quantity", "amount_cents", "timestamp"]
    products = [("milk", "DAIRY", True), ("bread", "BAKERY", True), ("fuel", "FUEL", False), ("never", "DAIRY", True)]
    tables = {
        "transactions": pd.DataFrame(rows, columns=names),
        "products": pd.DataFrame(
            [
                {
                    "product_id": id_,
                    "category": category,
                    "type": id_,
                    "department": "ALL",
                    "stock_keeping": kept,
                    "voucherable": kept,
                }
                for id_, category, kept in products
            ]
        ),
    }
    if stock:
        tables["stock"] = pd.DataFrame([{"store_id": "north", "product_id": "never", "quantity": "7"}])
    return Dataset.of_tables(tables)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dataset().write(tmp_path)
    return tmp_path


def ids(part: Slice) -> list[str]:
    return [basket.basket_id for basket in part.baskets]


def test_a_folder_is_cut_by_days_from_its_first_midnight(folder: Path) -> None:
    assert ids(Slice.read(str(folder), Choice())) == ["b1", "b2", "b3", "b4"]
    assert ids(Slice.read(str(folder), Choice(days=3))) == ["b1"]
    assert ids(Slice.read(str(folder), Choice(weeks=1))) == ["b1", "b2"]
    assert ids(Slice.read(str(folder), Choice(first_week=2, weeks=1))) == ["b3", "b4"]


def test_a_price_is_what_one_piece_costs_whether_sold_or_returned(folder: Path) -> None:
    assert Slice.read(str(folder), Choice()).prices_cents == {"milk": 110, "fuel": 195, "bread": 250}


def test_stock_is_made_up_only_where_the_data_set_has_none() -> None:
    made_up, synthetic = of(dataset()).stock(seed=1)
    assert synthetic
    assert set(made_up) == {("north", "milk"), ("south", "milk"), ("south", "bread")}
    assert of(dataset(stock=True)).stock(seed=1) == ({("north", "never"): Decimal(7)}, False)


def of(whole: Dataset) -> Slice:
    return Slice("mine", whole, list(whole.baskets()))


def test_the_stage_keeps_its_contracts_and_says_what_is_assumed() -> None:
    part = of(dataset())
    events = [*master_events(part), *consent_events(part), *stock_events(part, seed=1)]
    for event in map(StructuredEvent.model_validate, events):
        contract_of(event.type).model_validate(event.data)
        assert event.time is not None
        assert event.time <= part.baskets[0].occurred_at
    assert len({(event["source"], event["id"]) for event in events}) == len(events)
    assert all(said(event) for event in [*consent_events(part), *stock_events(part, seed=1)])


def said(event: Mapping[str, Mapping[str, object]]) -> object:
    return event["data"].get("synthetic") or event["data"].get("evidence")
