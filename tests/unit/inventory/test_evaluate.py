"""`evaluate` for demand: formats, one answer per shelf and day, nothing of a day before its answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.inventory import evaluate

FIELDS = {"day", "store", "item", "m1", "m7", "q1_90", "q1_95", "q7_90", "q7_95"}


def a_file(folder: Path, days: int, *, change_on: int | None = None) -> Path:
    drawn = np.random.default_rng(3)
    lines = []
    for day in range(days):
        sales: list[list[Any]] = [[f"s{n % 3}", f"i{n % 4}", float(drawn.integers(1, 5))] for n in range(12)]
        if change_on is not None and day >= change_on:
            sales = [[store, item, units + 9] for store, item, units in sales]
        lines.append(json.dumps({"day": day, "sales": sales}))
    path = folder / f"days-{change_on}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def answers(source: Path, folder: Path, *more: str) -> list[dict[str, Any]]:
    out = folder / f"{source.stem}.out"
    evaluate.main(["--in", str(source), "--out", str(out), *more])
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_every_shelf_is_answered_after_every_day(tmp_path: Path) -> None:
    found = answers(a_file(tmp_path, 30), tmp_path)
    assert len(found) == 30 * 12
    assert all(set(one) == FIELDS for one in found)
    assert len({(one["day"], one["store"], one["item"]) for one in found}) == len(found)
    last = found[-12:]
    assert all(0 < one["m1"] < one["m7"] and one["q7_90"] <= one["q7_95"] for one in last)


def test_an_answer_knows_nothing_of_later_days(tmp_path: Path) -> None:
    plain = answers(a_file(tmp_path, 40), tmp_path)
    changed = answers(a_file(tmp_path, 40, change_on=33), tmp_path)
    before = [one for one in plain if one["day"] < 33]
    assert before == [one for one in changed if one["day"] < 33]
    assert plain[-1] != changed[-1]


def test_promotions_are_known_before_they_begin(tmp_path: Path) -> None:
    promotions = tmp_path / "promotions.jsonl"
    begin = {"promotion_id": "p", "item_ids": ["i1"], "store_ids": ["s1"], "first_day": 30, "last_day": 36}
    promotions.write_text(json.dumps({**begin, "mailer": "front", "display": True}))
    source = a_file(tmp_path, 30)
    plain = answers(source, tmp_path)
    told = answers(source, tmp_path, "--promotions", str(promotions))
    raised = {
        (one["day"], one["store"], one["item"])
        for one, other in zip(told, plain, strict=True)
        if one["m7"] > other["m7"]
    }
    assert raised == {(day, "s1", "i1") for day in range(23, 30)}


def test_a_day_left_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gap.jsonl"
    path.write_text('{"day": 0, "sales": [["s", "i", 1]]}\n{"day": 2, "sales": []}\n')
    with pytest.raises(ValueError, match="none left out"):
        answers(path, tmp_path)
