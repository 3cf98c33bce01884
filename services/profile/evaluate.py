"""Judging next-basket lists on a data set with the product's own code: list first, then learn; a role of this service, and `usual evaluate`.

For every basket of a customer with three or more earlier ones a list of 20 is made. `arrival`: when the basket starts, its time and
store known. `till`: at the end of the customer's basket before, nothing of the next trip known. Then the basket is learned.
"""

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import get_args

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from rich.table import Table

from libs.laptop.complete_journey import NAME, Cut, open_dataset
from libs.laptop.dataset import Basket, Dataset, Line, Product
from libs.ranking.features import Asked, Candidates
from libs.ranking.ranker import all_allowed, needs_of
from libs.ranking.state import CustomerRankingState, Moment, MomentKind, state_of
from services.profile.domain.contact import Purchase, PurchaseLine
from services.profile.domain.facet import EMPTY, Facet
from services.profile.domain.facet_of import apply, visit_of
from services.profile.domain.needs import Learner, last_moment
from services.profile.domain.ranking_state import ranking_state

LIST_LENGTH = 20
VISITS_BEFORE_ASKING = 3
NOBODY = state_of((), {})


@dataclass(slots=True)
class Evaluation:
    """The lists made, and what each step cost: seconds per call, by step."""

    kind: MomentKind
    rows: list[tuple[str, str, list[str]]] = field(default_factory=list)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        began = perf_counter()
        yield
        self.seconds[name].append(perf_counter() - began)

    def write(self, path: Path) -> None:
        """household_id, basket_id, product_ids (best first), one row a list, in the order of the baskets."""
        pd.DataFrame(self.rows, columns=["household_id", "basket_id", "product_ids"]).to_parquet(path, index=False)


@dataclass(slots=True)
class Replay:
    """All customers and the learner while the baskets go by."""

    evaluation: Evaluation
    learner: Learner
    products: dict[str, Product]
    facets: dict[str, Facet] = field(default_factory=dict)
    states: dict[str, CustomerRankingState] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)  # by customer: the list for the next basket

    def take(self, basket: Basket) -> None:
        """Make or take out the list for a basket, then learn from it; at the till the list for the next one is made last."""
        customer, purchase = basket.customer_id, purchase_of(basket, self.products)
        before = self.states.get(customer, NOBODY)
        visit = visit_of(purchase)
        asked: Asked | None = None
        if visit.items and before.visits >= VISITS_BEFORE_ASKING:
            if self.evaluation.kind == "arrival":
                moment = Moment(visit.at_seconds, visit.store_id, "arrival", visit.utc_offset_minutes)
                asked = self.ask(customer, before, moment)
            self.evaluation.rows.append((customer, basket.basket_id, self.waiting[customer]))
        self.learn(customer, purchase, before, asked)
        state = self.states[customer]
        if self.evaluation.kind == "till" and visit.items and state.visits >= VISITS_BEFORE_ASKING:
            self.ask(customer, state, last_moment(state))

    def ask(self, customer: str, state: CustomerRankingState, moment: Moment) -> Asked:
        """Leave the customer's list at this moment in `waiting`."""
        with self.evaluation.step("decide"):
            asked = self.learner.asked(state, moment)
            candidates = Candidates.of(asked, self.learner.population.state, state.items)
            table = self.learner.needs.table_of(moment.kind)
            needs = needs_of(table, candidates, all_allowed(candidates), LIST_LENGTH)
        self.waiting[customer] = [need.item_id for need in needs]
        return asked

    def learn(self, customer: str, purchase: Purchase, before: CustomerRankingState, asked: Asked | None) -> None:
        """The facet grows, its ranking state follows, the learner takes the basket in."""
        with self.evaluation.step("apply"):
            facet = self.facets[customer] = apply(self.facets.get(customer, EMPTY), purchase)
        with self.evaluation.step("derive the ranking state"):
            self.states[customer] = ranking_state(facet)
        with self.evaluation.step("learn"):
            labels = {line.item_id: (line.category, line.type) for line in purchase.lines}
            self.learner.learn(before, visit_of(purchase), labels, asked)


def purchase_of(basket: Basket, products: dict[str, Product]) -> Purchase:
    """The contact of a basket; returned lines are left out."""
    lines = [line for line in basket.lines if line.quantity > 0]
    return Purchase(
        event_id=basket.basket_id,
        receipt_id=basket.basket_id,
        occurred_at_seconds=int(basket.occurred_at.timestamp()),
        store_id=basket.store_id,
        lines=tuple(_purchase_line(line, products[line.product_id]) for line in lines),
    )


def _purchase_line(line: Line, product: Product) -> PurchaseLine:
    return PurchaseLine(
        item_id=line.product_id,
        category=product.category,
        type=product.type,
        quantity_milli=int(line.quantity * 1000),
        amount_cents=line.amount_cents,
        discount_cents=line.discount_cents + line.coupon_discount_cents,
        rankable=product.voucherable,
    )


def evaluate(dataset: Dataset, kind: MomentKind, console: Console | None = None) -> Evaluation:
    """The lists for every basket of the data set, with a progress bar where a console is given."""
    replay = Replay(Evaluation(kind), Learner([kind]), dataset.products)
    baskets: Iterable[Basket] = dataset.baskets()
    if console is not None:
        baskets = track(baskets, f"next basket at {kind}", total=dataset.basket_count, console=console)
    for basket in baskets:
        replay.take(basket)
    return replay.evaluation


def report(evaluation: Evaluation) -> Table:
    """What each step cost."""
    table = Table("step", "calls", "mean ms", "p50 ms", "p99 ms", "all s", title=f"{len(evaluation.rows)} lists")
    for name, seconds in evaluation.seconds.items():
        ms = np.array(seconds) * 1000
        figures = (ms.mean(), np.quantile(ms, 0.5), np.quantile(ms, 0.99), ms.sum() / 1000)
        table.add_row(name, str(len(ms)), *(f"{figure:.2f}" for figure in figures))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """`evaluate --mode arrival|till --in FOLDER|complete-journey --out FILE.parquet`; raises InvalidDataset."""
    parser = ArgumentParser(prog="evaluate", description=__doc__)
    parser.add_argument("--mode", choices=get_args(MomentKind), required=True)
    parser.add_argument("--in", dest="source", default=NAME, help=f"a data-set folder, or {NAME}")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weeks", type=int, help=f"only the first weeks of {NAME}")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=True)
    evaluation = evaluate(open_dataset(chosen.source, Cut(weeks=chosen.weeks)), chosen.mode, console)
    evaluation.write(chosen.out)
    console.print(report(evaluation))
