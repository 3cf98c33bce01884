"""What a customer will want next, by category: items scored by libs/ranking with the basket in hand, gathered for campaigns."""

from base64 import b64decode
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

import msgspec
import numpy as np

from libs.ranking.crowd import Crowd
from libs.ranking.history import Floats
from libs.ranking.model import Model
from libs.ranking.population import FADED, PopulationState
from libs.ranking.ranker import LearnedRanker, PriorRanker, Ranker
from libs.ranking.sketch import Sketch, label_hash
from libs.ranking.state import Moment
from libs.ranking.trips_in_hand import PosedBySketch
from services.offers.domain.campaigns.catalogue import Item

MODEL_NAME = "next-basket-till"
"""Of the models that profile publishes, the one that is asked right after a receipt."""

ITEMS_RANKED = 60
ITEMS_NAMED = 5
PRIOR_ITEMS = 120


@dataclass(frozen=True, slots=True)
class Likely:
    """Items that somebody may want, each with its chance, best first; `why` tells the reasons of the one at a place."""

    item_ids: Sequence[str] = ()
    chances: Sequence[float] = ()
    why: Callable[[int], Sequence[str]] = field(default=lambda _: (), compare=False)


class CategoryNeed(msgspec.Struct, frozen=True):
    """A category that somebody may want next, with the items of it that are likely and there to be had, best first."""

    category: str
    chance_ratio: float
    """That something of it is in the next basket, as the model sees it."""
    known: bool
    """Whether the customer has bought of it before."""
    item_ids: tuple[str, ...]
    price_cents: int
    """What the likeliest item of it costs; 0 where no price is known."""
    likely: Likely = Likely()
    place: int = 0
    """Where the likeliest item stands in it."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of its likeliest item; worked out each time that somebody looks, because few are ever told."""
        return tuple(self.likely.why(self.place)) if self.item_ids else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedModel:
    """One published model with the population state that it reads."""

    model_id: str
    ranker: Ranker
    population: PopulationState
    crowd: Crowd = field(init=False)
    """The population, ready to be asked about customers."""

    def __post_init__(self) -> None:
        """Make the crowd."""
        object.__setattr__(self, "crowd", Crowd.of(self.population))

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

    def personal(self, sketch: Sketch, moment: Moment, basket: Collection[str]) -> Likely:
        """The customer's needs after this basket, each with its chance; best first."""
        return self.personal_together([posed(sketch, moment, basket)])[0]

    def personal_together(self, asked: Sequence[PosedBySketch]) -> Sequence[Likely]:
        """The same for several customers, in less time; at least one."""
        chance_of = _logistic if isinstance(self.ranker, LearnedRanker) else _counted
        ranked = self.ranker.rank_by_sketch(asked, self.crowd, ITEMS_RANKED)
        return [Likely(one.item_ids, chance_of(one.scores).tolist(), one.why) for one in ranked]

    def popular(self, basket: Collection[str]) -> Likely:
        """What anybody may want: the most bought items of the last weeks that are not in hand."""
        rows = self.population.popular[:PRIOR_ITEMS]
        bought = self.population.stats[rows][:, FADED.start + 1] if len(rows) else np.zeros(0)
        whole = float(bought.sum()) or 1.0
        names = [self.population.item_ids[row] for row in rows.tolist()]
        left = [(name, count / whole) for name, count in zip(names, bought.tolist(), strict=True) if name not in basket]
        return Likely([name for name, _ in left], [chance for _, chance in left], _because_popular)

    def prior_item_ids(self) -> list[str]:
        """The items whose availability a prior decision needs to know."""
        return [self.population.item_ids[row] for row in self.population.popular[:PRIOR_ITEMS].tolist()]


def posed(sketch: Sketch, moment: Moment, basket: Collection[str]) -> PosedBySketch:
    """The question after this basket, which may be part of what is known of the customer by now."""
    already_there = sketch.visits > 0 and int(sketch.at_seconds[-1]) >= moment.at_seconds
    return PosedBySketch(sketch, moment, () if already_there else basket)


def by_category(
    likely: Likely, items: Mapping[str, Item], there: Container[str], known: Collection[int]
) -> list[CategoryNeed]:
    """Gather likely items into categories, in the order of their names; `known` are those bought of before, by hash.

    A category's chance is that of at least one of its items. Items that are unknown, barred or may not be discounted
    count for nothing; items that are not `there` count for the chance and are never named.
    """
    found = list(map(items.get, likely.item_ids))
    gathered: dict[str, list[int]] = {}
    for place, item in enumerate(found):
        if item is not None and item.voucherable and item.barred is None:
            category = item.category
            if category in gathered:
                gathered[category].append(place)
            else:
                gathered[category] = [place]
    offered = cast("Sequence[Item]", found)  # nobody asks for the places of the others
    return [
        _need(category, gathered[category], likely, offered, there, is_known=label_hash(category) in known)
        for category in sorted(gathered)
    ]


def _need(
    category: str, places: list[int], likely: Likely, found: Sequence[Item], there: Container[str], *, is_known: bool
) -> CategoryNeed:
    """What the items at these places say of their category: of a checkout's some thirty, so that it does all in one pass."""
    item_ids, chances = likely.item_ids, likely.chances
    no_chance_ratio, before, price_cents, first = 1.0, 2.0, 0, 0
    names: list[str] = []
    for place in places:
        chance = chances[place]
        if chance >= before:  # of equals the first by name, which is the order in which they are multiplied too
            ordered = _in_order(places, likely)
            if ordered != places:
                return _need(category, ordered, likely, found, there, is_known=is_known)
        before = chance
        no_chance_ratio *= 1.0 - chance
        item_id = item_ids[place]
        if len(names) < ITEMS_NAMED and (item_id in there or not found[place].stock_keeping):
            if not names:
                first = place
            if not price_cents:
                price_cents = found[place].price_cents or 0
            names.append(item_id)
    if not names:
        return CategoryNeed(category, 1.0 - no_chance_ratio, is_known, (), 0)
    return CategoryNeed(category, 1.0 - no_chance_ratio, is_known, tuple(names), price_cents, likely, first)


def _in_order(places: Sequence[int], likely: Likely) -> list[int]:
    """The likeliest first; of equals the first by name."""
    return sorted(places, key=lambda place: (-likely.chances[place], likely.item_ids[place]))


def _logistic(scores: Floats) -> Floats:
    """The chances that these log-odds state."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.minimum(np.maximum(scores, -30.0), 30.0))))


def _counted(scores: Floats) -> Floats:
    """Chances that rise with a decayed count, for the prior's scores."""
    return np.asarray(scores / (scores + 5.0))


def _because_popular(_: int) -> tuple[str, ...]:
    return ("popularity",)
