"""The chain that the doors serve: households with a year of trips up to now, a model learned from them, catalogue and campaigns."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Self

from benchmarks.ingest.load import CARDS
from libs.common.contracts import Contract, Event, new_event
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.inventory import Availability
from libs.common.contracts.profile import ConsentInForce, ModelPublished, ProfileSnapshot
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.ids import derived_id
from libs.common.pseudonyms import Pseudonyms
from libs.laptop.complete_journey import Cut, load
from libs.laptop.dataset import Basket, Product
from libs.ranking.state import CustomerRankingState, PastVisit, state_of
from services.offers.domain.campaigns.campaign import Aim, Campaign, GuardRails
from services.offers.domain.decisions.needs import MODEL_NAME
from services.profile.domain.needs import Learner

CURRENCY = "USD"
CAMPAIGNS = 50
LINES = 20
_LEARNED = timedelta(weeks=8)
"""How much of the year teaches the model."""
_POPULATION_ITEMS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One store of Complete Journey with the households that shop in the chain, brought forward so that the year ends today."""

    store_id: str
    products: Mapping[str, Product]
    prices_cents: Mapping[str, int]
    states: Sequence[CustomerRankingState]
    """By card number."""
    basket: Basket
    """What lies on the belt: the newest of this store with so many lines."""
    model: Mapping[str, Any]

    @classmethod
    def load(cls, now: datetime, weeks: int | None = None) -> Self:
        """With the trips of the last weeks, or of the whole year. Takes some fifteen seconds, most of it to learn."""
        dataset = load(Cut(households=CARDS))
        baskets = list(dataset.baskets())
        forward = timedelta(weeks=(now - baskets[-1].occurred_at) // timedelta(weeks=1))
        baskets = [_moved(basket, forward, dataset.products) for basket in baskets]
        since = now - timedelta(weeks=weeks) if weeks else baskets[0].occurred_at
        stores = [basket.store_id for basket in baskets]
        store_id = max(sorted(set(stores)), key=stores.count)
        last = [basket for basket in baskets if basket.store_id == store_id and len(basket.lines) == LINES][-1]
        labels = {product.product_id: (product.category, product.type) for product in dataset.products.values()}
        learned = _Learned([basket for basket in baskets if basket.occurred_at >= since], labels)
        return cls(
            store_id=store_id,
            products={item: dataset.products[item] for basket in baskets for item in _items(basket)},
            prices_cents={
                line.product_id: _price(line.amount_cents, line.quantity) for basket in baskets for line in basket.lines
            },
            states=learned.states,
            basket=last,
            model=learned.model,
        )

    def __str__(self) -> str:
        visits, items = median(state.visits for state in self.states), median(len(state.items) for state in self.states)
        return f"{len(self.states):,} households, of each {visits:.0f} trips with {items:.0f} items; {len(self.products):,} items"

    def catalogue(self, at: datetime) -> Iterator[Event]:
        """The store and all items."""
        store = CatalogStore(
            store_id=self.store_id, name=self.store_id, time_zone="America/New_York", country="US", currency=CURRENCY
        )
        yield _event(store, "store", at)
        for item_id, product in self.products.items():
            item = CatalogItem(
                item_id=item_id,
                name=product.type.title(),
                category=product.category,
                item_type=product.type,
                department=product.department,
                price_cents=self.prices_cents[item_id],
                currency=CURRENCY,
                stock_keeping=product.stock_keeping,
                voucherable=product.voucherable,
            )
            yield _event(item, item_id, at)

    def availability(self, at: datetime) -> Iterator[Event]:
        """Everything is there."""
        for item_id in self.products:
            there = Availability(
                store_id=self.store_id,
                item_id=item_id,
                version=1,
                on_hand=Decimal(9),
                available=Decimal(9),
                status="plenty",
            )
            yield _event(there, item_id, at)

    def customers(self, pseudonyms: Pseudonyms, at: datetime) -> Iterator[Event]:
        """Everybody's profile, all with consent."""
        for number, state in enumerate(self.states):
            known = pseudonyms.of(Identifier(kind=IdentifierKind.LOYALTY_CARD, value=str(number)))
            view = ProfileSnapshot(
                customer_id=derived_id("customer", known.key),
                version=1,
                identifiers=(known,),
                as_of=at,
                accepted_at=at,
                consents=(ConsentInForce(purpose="personal_offers", channel="any", granted=True),),
                ranking_state=state.to_json(),
            )
            yield _event(view, view.customer_id, at)

    def published_model(self, at: datetime) -> Event:
        """What checkouts ask."""
        body = {"format": 1, **self.model}
        published = ModelPublished(model_name=MODEL_NAME, number=1, model_id="bench-1", trained_until=at, body=body)
        return _event(published, "model", at)

    def campaigns(self, *, hot: bool) -> Sequence[Campaign]:
        """Each category is promoted by two of fifty; with `hot` the first promotes all, and none of the others is worth it."""
        categories = sorted({product.category for product in self.products.values() if product.voucherable})
        aimed: defaultdict[int, list[str]] = defaultdict(list)
        for place, category in enumerate(categories):
            aimed[place % CAMPAIGNS].append(category)
            aimed[place * 7 % CAMPAIGNS].append(category)
        return [
            _campaign(number, ["*"] if hot and number == 0 else sorted(set(aimed[number])), cheap=number == 0, hot=hot)
            for number in range(CAMPAIGNS)
        ]


class _Learned:
    """What profile would know of the baskets: states by household, and a model of the last weeks."""

    def __init__(self, baskets: Sequence[Basket], labels: Mapping[str, tuple[str, str]]) -> None:
        self._learner = Learner(["till"])
        self._visits: defaultdict[str, list[PastVisit]] = defaultdict(list)
        learned_from = baskets[-1].occurred_at - _LEARNED
        for basket in baskets:
            visit = PastVisit(int(basket.occurred_at.timestamp()), -300, basket.store_id, _items(basket))
            if visit.items:
                known = self._visits[basket.customer_id]
                if basket.occurred_at >= learned_from:
                    self._learner.learn(state_of(known, labels), visit, labels)
                known.append(visit)
        self.states = [state_of(visits, labels) for visits in self._visits.values()]

    @property
    def model(self) -> Mapping[str, Any]:
        """As profile publishes it."""
        population = self._learner.population.state.encode(_POPULATION_ITEMS)
        return {"model": self._learner.models(1)["till"].to_json(), "population": b64encode(population).decode()}


def _campaign(number: int, categories: Sequence[str], *, cheap: bool, hot: bool) -> Campaign:
    percent = (1 if cheap else 50) if hot else 10
    return Campaign(
        campaign_id=f"campaign-{number:02}",
        title=f"Campaign {number}",
        aim=Aim.ANY,
        kind="percent",
        percent=percent,
        greatest_value_cents=100,
        currency=CURRENCY,
        categories=tuple(categories),
        cap_cents=10**12,
        holdout_ratio=0.0,
        exploration_ratio=0.0 if hot else 0.1,
        guard_rails=GuardRails(greatest_value_cents=100, open_per_customer=100, issued_per_customer=1000),
    )


def _moved(basket: Basket, forward: timedelta, products: Mapping[str, Product]) -> Basket:
    lines = tuple(line for line in basket.lines if products[line.product_id].voucherable)
    return Basket(basket.basket_id, basket.customer_id, basket.store_id, basket.occurred_at + forward, lines)


def _items(basket: Basket) -> tuple[str, ...]:
    return tuple(sorted({line.product_id for line in basket.lines}))


def _price(amount_cents: int, quantity: Decimal) -> int:
    return max(1, int(amount_cents / quantity))


def _event(data: Contract, event_id: str, at: datetime) -> Event:
    return new_event(data, event_id=event_id, source="urn:bench", occurred_at=at, received_at=at)
