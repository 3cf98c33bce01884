"""Laws of the evaluation: a list for each basket that has one coming, nothing of the future in it, the same every time."""

from pathlib import Path

import pandas as pd
import pytest

from libs.laptop.complete_journey import Cut, load
from libs.laptop.dataset import Dataset
from libs.ranking.state import MomentKind
from services.profile.evaluate import evaluate, main


@pytest.fixture(scope="module")
def slice_of_a_year() -> Dataset:
    return load(Cut(weeks=12, households=25))


@pytest.mark.parametrize("kind", ["arrival", "till"])
def test_lists_do_not_change_when_later_baskets_are_cut_off(slice_of_a_year: Dataset, kind: MomentKind) -> None:
    earlier = load(Cut(weeks=8, households=25))
    households = {basket.customer_id for basket in earlier.baskets()}
    table = slice_of_a_year.transactions
    later = Dataset(slice_of_a_year.products, slice_of_a_year.stores, (), table[table.customer_id.isin(households)])
    cut, whole = evaluate(earlier, kind).rows, evaluate(later, kind).rows
    assert len(cut) > 100
    common = {(household, basket) for household, basket, _ in cut}
    assert cut == [row for row in whole if row[:2] in common]


@pytest.mark.parametrize("kind", ["arrival", "till"])
def test_every_basket_with_three_before_it_has_a_list(slice_of_a_year: Dataset, kind: MomentKind) -> None:
    seen: dict[str, int] = {}
    due: list[tuple[str, str]] = []
    for basket in slice_of_a_year.baskets():
        if any(slice_of_a_year.products[line.product_id].voucherable for line in basket.lines):
            before = seen.get(basket.customer_id, 0)
            seen[basket.customer_id] = before + 1
            if before >= 3:
                due.append((basket.customer_id, basket.basket_id))
    rows = evaluate(slice_of_a_year, kind).rows
    assert [row[:2] for row in rows] == due
    assert all(len(set(items)) == len(items) == 20 for _, _, items in rows)


def test_the_role_writes_a_file_and_says_what_it_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(Cut(weeks=5, households=10)).write(tmp_path / "folder")
    main(["--mode", "till", "--in", str(tmp_path / "folder"), "--out", str(tmp_path / "lists.parquet")])
    lists = pd.read_parquet(tmp_path / "lists.parquet")
    assert list(lists.columns) == ["household_id", "basket_id", "product_ids"]
    assert len(lists) > 0
    assert "p99" in capsys.readouterr().err
