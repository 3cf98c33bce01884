"""Judging the assortment's lists on a data set: shelves are hidden, expected, and seen; `usual evaluate assortment`.

Of the items that sell in enough stores, one shelf in five is hidden from the weeks that are learned from. Each list ranks the hidden shelves by what the
rules in `domain.assortment` expect; what they sell in the weeks after says how good that was. Naive rivals: popularity in the chain, and the
same with the store's size.
"""

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from libs.laptop.complete_journey import NAME, open_dataset
from services.inventory.domain.assortment.likeness import Range, expected_in_store, likeness
from services.inventory.domain.learning.facts import BoolArray, FloatArray

HIDDEN_SHARE = 0.2
LEAST_STORES = 5
TOP_SHARE = 0.1
LEAST_HIDDEN = 6
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of a data set is judged: the busiest stores, items of so many units at least, so many weeks learned."""

    stores: int = 60
    least_units: float = 100.0
    weeks: int = 39
    seed: int = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a ranking did, in means.

    Rank correlations over a store's hidden items and over an item's hidden stores; of each store which share of the best tenth's units its own best tenth has (mean over stores).
    """

    items_of_store: float
    stores_of_item: float
    top_share: float


def judged(dataset: Any, cut: Cut) -> tuple[Mapping[str, Score], int]:
    """Each ranking's score, and how many shelves were hidden."""
    whole, later = _tables(dataset, cut)
    rng = np.random.default_rng(cut.seed)
    hidden: BoolArray = (rng.random(whole.weekly.shape) < HIDDEN_SHARE) & whole.carried
    known = replace(whole, weekly=np.where(hidden, 0.0, whole.weekly), carried=whole.carried & ~hidden)
    like = likeness(known)
    ours = np.stack([expected_in_store(known, like, store) for store in range(len(known.store_ids))], axis=1)
    popular = np.repeat(known.weekly.sum(axis=1)[:, None], len(known.store_ids), axis=1)
    rankings = {
        "introductions, placements": ours,
        "popularity x store size": popular * known.weekly.sum(axis=0),
        "popularity": popular,
        "own history (not hidden)": whole.weekly,
    }
    return {name: scored(ranking, later, hidden) for name, ranking in rankings.items()}, int(hidden.sum())


def scored(ranking: FloatArray, later: FloatArray, hidden: BoolArray) -> Score:
    """How a ranking of hidden shelves (a row an item, a column a store) did against what they sold later."""
    stores = [place for place in range(hidden.shape[1]) if hidden[:, place].sum() >= LEAST_HIDDEN]
    items = [place for place in range(hidden.shape[0]) if hidden[place].sum() >= LEAST_HIDDEN]
    by_store = [(ranking[hidden[:, place], place], later[hidden[:, place], place]) for place in stores]
    by_item = [(ranking[place, hidden[place]], later[place, hidden[place]]) for place in items]
    return Score(
        items_of_store=_mean([_rank_correlation(*pair) for pair in by_store]),
        stores_of_item=_mean([_rank_correlation(*pair) for pair in by_item]),
        top_share=_mean([_top_share(*pair) for pair in by_store]),
    )


def _tables(dataset: Any, cut: Cut) -> tuple[Range, FloatArray]:
    lines = dataset.transactions
    lines = lines[[dataset.products[item_id].stock_keeping for item_id in lines.product_id]]
    begins = lines.basket_at.min()
    lines = lines.assign(units=lines.quantity.astype(float), week=(lines.basket_at - begins).dt.days // _WEEK_DAYS)
    busiest = lines.groupby("store_id").size().sort_values(ascending=False, kind="stable").index[: cut.stores]
    lines = lines[lines.store_id.isin(busiest)]
    learned, after = lines[lines.week < cut.weeks], lines[lines.week >= cut.weeks]
    shelves = learned.groupby(["product_id", "store_id"]).units.sum()
    by_item = shelves.groupby("product_id")
    items = sorted(by_item.size()[(by_item.size() >= LEAST_STORES) & (by_item.sum() >= cut.least_units)].index)
    stores = sorted(busiest)
    weekly = _matrix(shelves, items, stores) / cut.weeks
    later = _matrix(after.groupby(["product_id", "store_id"]).units.sum(), items, stores)
    products = [dataset.products[item_id] for item_id in items]
    carried = Range(
        item_ids=items,
        category=pd.factorize(np.array([one.category for one in products]), sort=True)[0],
        group=pd.factorize(np.array([f"{one.category}\x1f{one.type}" for one in products]), sort=True)[0],
        store_ids=stores,
        weekly=weekly,
        carried=weekly > 0,
        excess=np.zeros_like(weekly),
    )
    return carried, later


def _matrix(shelves: Any, items: Sequence[str], stores: Sequence[str]) -> FloatArray:
    found: FloatArray = shelves.unstack().reindex(index=items, columns=stores).fillna(0.0).to_numpy(dtype=np.float64)  # noqa: PD010  # one value a shelf
    return found


def _rank_correlation(expected: FloatArray, seen: FloatArray) -> float:
    """Spearman's; nan where all are equal."""
    if np.ptp(expected) == 0 or np.ptp(seen) == 0:
        return float("nan")
    return float(pd.Series(expected).rank().corr(pd.Series(seen).rank()))


def _top_share(expected: FloatArray, seen: FloatArray) -> float:
    count = max(round(TOP_SHARE * len(seen)), 1)
    best = float(np.sort(seen)[-count:].sum())
    return float(seen[np.argsort(-expected, kind="stable")[:count]].sum()) / best if best > 0 else float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def main(arguments: Sequence[str] | None = None) -> None:
    """`evaluate-assortment [--in complete-journey|FOLDER] [--stores 60] [--least-units 100] [--weeks 39] [--seed 2026]`."""
    usual = Cut()
    parser = ArgumentParser(prog="evaluate assortment", description=__doc__)
    parser.add_argument("--in", dest="source", default=NAME, help=f"a data-set folder, or {NAME} (built in)")
    parser.add_argument("--stores", type=int, default=usual.stores)
    parser.add_argument("--least-units", type=float, default=usual.least_units)
    parser.add_argument("--weeks", type=int, default=usual.weeks)
    parser.add_argument("--seed", type=int, default=usual.seed)
    chosen = parser.parse_args(arguments)
    cut = Cut(stores=chosen.stores, least_units=chosen.least_units, weeks=chosen.weeks, seed=chosen.seed)
    scores, hidden = judged(open_dataset(chosen.source), cut)
    table = Table("ranking", "items of a store", "stores of an item", "top tenth", title=f"{hidden} hidden shelves")
    for name, score in scores.items():
        table.add_row(
            name, *(f"{value:.3f}" for value in (score.items_of_store, score.stores_of_item, score.top_share))
        )
    Console().print(table)
