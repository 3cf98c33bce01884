"""What a customer will want next, by category: items scored by libs/ranking with the basket in hand, gathered for campaigns."""

import math
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np

from libs.ranking.model import Model
from libs.ranking.population import FADED, PopulationState
from libs.ranking.ranker import LearnedRanker, Need, Posed, PriorRanker, Ranker
from libs.ranking.state import CustomerRankingState, Moment
from services.offers.domain.catalogue import Item

MODEL_NAME = "next-basket-till"
"""Of the models that profile publishes, the one that is asked right after a receipt."""

ITEMS_RANKED = 60
ITEMS_NAMED = 5
PRIOR_ITEMS = 120


class CategoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """A category that somebody may want next, with the items of it that are likely and there to be had, best first."""

    category: str
    chance_ratio: float
    """That something of it is in the next basket, as the model sees it."""
    known: bool
    """Whether the customer has bought of it before."""
    item_ids: tuple[str, ...]
    price_cents: int
    """What the likeliest item of it costs; 0 where no price is known."""
    reasons: Sequence[str] = ()
    """Of its likeliest item; worked out when somebody looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedModel:
    """One published model with the population state that it reads."""

    model_id: str
    ranker: Ranker
    population: PopulationState

    @classmethod
    def unlearned(cls) -> Self:
        """What is asked until a model was published: the customer's own habits, and nothing of others."""
        prior = PriorRanker()
        return cls(model_id=prior.model_id, ranker=prior, population=PopulationState())

    @classmethod
    def of(cls, model_id: str, body: Mapping[str, Any]) -> Self:
        """The model in a `ModelPublished` body: `population` (base64), and `model` unless only the prior is known.

        Raises ValueError or KeyError for a body of another shape.
        """
        model = body.get("model")
        return cls(
            model_id=model_id,
            ranker=LearnedRanker.of(Model.from_json(model)) if model else PriorRanker(),
            population=PopulationState.decode(b64decode(body["population"])),
        )

    def personal(
        self, state: CustomerRankingState, moment: Moment, basket: Collection[str]
    ) -> Sequence[tuple[Need, float]]:
        """The customer's needs after this basket, each with its chance; best first."""
        return self.personal_together([posed(state, moment, basket)])[0]

    def personal_together(self, asked: Sequence[Posed]) -> Sequence[Sequence[tuple[Need, float]]]:
        """The same for several customers, in less time; at least one."""
        chance_of = _logistic if isinstance(self.ranker, LearnedRanker) else _counted
        ranked = self.ranker.rank_together(asked, self.population, ITEMS_RANKED)
        return [[(need, chance_of(need.score)) for need in needs] for needs in ranked]

    def popular(self, basket: Collection[str]) -> Sequence[tuple[Need, float]]:
        """What anybody may want: the most bought items of the last weeks that are not in hand."""
        rows = self.population.popular[:PRIOR_ITEMS]
        bought = self.population.stats[rows][:, FADED.start + 1] if len(rows) else np.zeros(0)
        whole = float(bought.sum()) or 1.0
        return [
            (Need(self.population.item_ids[row], float(count), ("popularity",)), float(count) / whole)
            for row, count in zip(rows.tolist(), bought.tolist(), strict=True)
            if self.population.item_ids[row] not in basket
        ]

    def prior_item_ids(self) -> list[str]:
        """The items whose availability a prior decision needs to know."""
        return [self.population.item_ids[row] for row in self.population.popular[:PRIOR_ITEMS].tolist()]


def posed(state: CustomerRankingState, moment: Moment, basket: Collection[str]) -> Posed:
    """The question after this basket, which may be part of what is known of the customer by now."""
    already_there = state.visits > 0 and int(state.visit_at_seconds[-1]) >= moment.at_seconds
    return Posed(state, moment, () if already_there else sorted(set(basket)))


def by_category(
    needs: Sequence[tuple[Need, float]], items: Mapping[str, Item], there: Collection[str], known: Collection[str]
) -> list[CategoryNeed]:
    """Gather scored items into categories, in the order of their names.

    A category's chance is that of at least one of its items. Items that are unknown, barred or may not be discounted
    count for nothing; items that are not `there` count for the chance and are never named.
    """
    gathered: dict[str, list[tuple[Need, float, Item]]] = {}
    for need, chance in needs:
        item = items.get(need.item_id)
        if item is not None and item.may_be_offered:
            gathered.setdefault(item.category, []).append((need, chance, item))
    return [_category(category, gathered[category], there, known) for category in sorted(gathered)]


def _category(
    category: str, wanted: Sequence[tuple[Need, float, Item]], there: Collection[str], known: Collection[str]
) -> CategoryNeed:
    best_first = sorted(wanted, key=_by_chance) if len(wanted) > 1 else wanted
    named, price_cents, no_chance_ratio = list[Need](), 0, 1.0
    for need, chance, item in best_first:
        no_chance_ratio *= 1.0 - chance
        if len(named) < ITEMS_NAMED and (need.item_id in there or not item.stock_keeping):
            named.append(need)
            price_cents = price_cents or item.price_cents or 0
    return CategoryNeed(
        category=category,
        chance_ratio=1.0 - no_chance_ratio,
        known=category in known,
        item_ids=tuple([need.item_id for need in named]),
        price_cents=price_cents,
        reasons=named[0].reasons if named else (),
    )


def _by_chance(entry: tuple[Need, float, Item]) -> tuple[float, str]:
    return -entry[1], entry[0].item_id


def _logistic(score: float) -> float:
    """The chance that these log-odds state."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))


def _counted(score: float) -> float:
    """A chance that rises with a decayed count, for the prior's scores."""
    return score / (score + 5.0)
