"""What a checkout costs the door by part: a real desk whose store answers at once. CPU time alone, so it can be told beside other work."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from time import thread_time_ns

from prometheus_client import CollectorRegistry

from benchmarks.offers.chain import CURRENCY, Chain
from benchmarks.offers.payload import DEADLINE_MS, checkout
from libs.common.clock import Clock, SystemClock
from libs.common.contracts.compiled import plain_body
from libs.ranking.sketch import Sketch
from libs.ranking.state import Moment
from services.offers.api.checkout import LiveCheckout
from services.offers.bootstrap.receipts import print_policies, wording_of_ours
from services.offers.domain.campaigns.catalogue import Item, Store
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.signed import SigningKey
from services.offers.domain.decisions.needs import NeedModel
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.checkout.desk import CheckoutDesk
from services.offers.handlers.checkout.ladder import Ladder
from services.offers.handlers.decisions.asking import Checkout
from services.offers.handlers.decisions.drafting import PrintRoom
from services.offers.handlers.decisions.ranking import SharedRanking, Wanted
from services.offers.handlers.money.clock import MoneyClock
from services.offers.metrics import OffersMetrics
from services.offers.ports.campaigns.knowledge import Changes, Revisions
from services.offers.ports.checkout import CheckoutQuestion, CheckoutView, IssueRequest, KnownCustomer

CUSTOMERS = 200
ROUNDS = 7
_KEY = CodeKey(b"k" * 32)
_REVISIONS = Revisions(campaigns=1, catalogue=1, models=1)
READ, ASKED, TIERED, DECIDED, ANSWERED = (
    "read the request",
    "up to the first question",
    "tier and moment",
    "needs, decision, words, events",
    "receipt and answer",
)


def measure(weeks: int | None = None) -> Mapping[str, float]:
    """Microseconds of CPU by part: the median of all checkouts. Ranking is done before, and not measured."""
    now = SystemClock().now()
    chain = Chain.load(now, weeks)
    bench = _Bench(chain, _knowledge(chain))
    return asyncio.run(bench.measured(SystemClock()))


def show(found: Mapping[str, float]) -> None:
    """Print the parts and their sum."""
    for part, us in {**found, "all of it": sum(found.values())}.items():
        print(f"{part:<32}{us:>8.1f} us")


@dataclass
class _Bench:
    """Stands in for everything that a desk asks, and looks at the clock each time that it is asked."""

    chain: Chain
    knowledge: Knowledge
    wanted_of: dict[str, Wanted] = field(default_factory=dict)
    stamps: list[int] = field(default_factory=list)

    def saw(self, _revisions: Revisions) -> bool:
        """As a keeper of knowledge: it is up to date."""
        return True

    @property
    def keys(self) -> Sequence[SigningKey]:
        """As a ring of signing keys: none."""
        return ()

    async def read(self, question: CheckoutQuestion) -> CheckoutView:
        """As the store: a customer that got nothing before."""
        self.stamps.append(thread_time_ns())
        customer = KnownCustomer(
            customer_id=question.checkout_id,
            personal_offers=True,
            open_complaint=False,
            sketch=b"",
            ranking_state=b"",
        )
        return CheckoutView(
            stored=None,
            asked=None,
            granted=(),
            customer=customer,
            past=(),
            snapshots_fresh_at=SystemClock().now(),
            reached_at=None,
            revisions=_REVISIONS,
        )

    async def wanted(
        self, _model: NeedModel, customer: KnownCustomer | None, _moment: Moment, _basket: Sequence[str]
    ) -> Wanted:
        """As the ranking: what was found before."""
        self.stamps.append(thread_time_ns())
        return self.wanted_of[customer.customer_id if customer else ""]

    async def there(self, _store_id: str, item_ids: Sequence[str]) -> frozenset[str]:
        """As the store: all of them."""
        return frozenset(item_ids)

    async def issue(self, request: IssueRequest) -> Sequence[int]:
        """As the store: every slot is granted."""
        self.stamps.append(thread_time_ns())
        return [draft.slot for draft in request.drafts]

    async def measured(self, clock: Clock) -> Mapping[str, float]:
        """By part, in the order in which they follow each other."""
        desk, template = self._desk(clock), checkout(self.chain)
        found: defaultdict[str, list[int]] = defaultdict(list)
        await self._rank(clock)
        for _ in range(ROUNDS):
            for checkout_id in self.wanted_of:
                body = template.replace(b"@ID@", checkout_id.encode()).replace(b"@CARD@", b"7")
                self.stamps[:] = [thread_time_ns()]
                asked = _checkout(body)
                self.stamps.append(thread_time_ns())
                await desk.answer(asked, clock.monotonic_seconds())
                self.stamps.append(thread_time_ns())
                passed = zip(self.stamps, self.stamps[1:], strict=False)
                for part, (begun, ended) in zip((READ, ASKED, TIERED, DECIDED, ANSWERED), passed, strict=True):
                    found[part].append(ended - begun)
        return {part: median(times) / 1_000 for part, times in found.items()}

    async def _rank(self, clock: Clock) -> None:
        ranking, store_id = SharedRanking(), self.chain.store_id
        basket = [line.product_id for line in self.chain.basket.lines]
        moment = Moment(int(clock.now().timestamp()), store_id, "till", -300)
        for number, state in enumerate(self.chain.states[:CUSTOMERS]):
            customer = KnownCustomer(
                customer_id=f"c{number}",
                personal_offers=True,
                open_complaint=False,
                sketch=Sketch.of(state).encode(),
                ranking_state=b"",
            )
            self.wanted_of[f"c{number}"] = await ranking.wanted(self.knowledge.model, customer, moment, basket)

    def _desk(self, clock: Clock) -> CheckoutDesk:
        metrics = OffersMetrics(CollectorRegistry())
        return CheckoutDesk(
            reads=self,
            issuing=self,
            keeper=self,  # type: ignore[arg-type]  # of which a desk asks nothing else
            codes=_KEY,
            signing=self,  # type: ignore[arg-type]  # of which a desk asks nothing else
            clock=clock,
            money_clock=MoneyClock(clock, play_mode=False),
            metrics=metrics,
            fresh_within=timedelta(hours=1),
            print_room=PrintRoom(wording_of_ours(), print_policies()),
            ladder=Ladder(clock, metrics, most_under_way=1_000, standby=None),
            ranking=self,  # type: ignore[arg-type]  # of which a desk asks nothing else
        )


def _checkout(body: bytes) -> Checkout:
    asked = plain_body(LiveCheckout, body)
    if asked is None:
        raise ValueError("the benchmark's own checkout is not plain")
    return Checkout(
        checkout_id=asked.checkout_id,
        receipt_id=asked.receipt_id,
        store_id=asked.store_id,
        identifier="loyalty_card:p7",
        currency=asked.currency,
        item_ids=[line.item_id for line in asked.lines],
        slots=asked.slots,
        columns=asked.columns,
        deadline_seconds=DEADLINE_MS / 1_000,
    )


def _knowledge(chain: Chain) -> Knowledge:
    items = [
        Item(
            item_id=item_id,
            name=product.type.title(),
            category=product.category,
            item_type=product.type,
            price_cents=chain.prices_cents[item_id],
            voucherable=product.voucherable,
            stock_keeping=product.stock_keeping,
            barred=None,
        )
        for item_id, product in chain.products.items()
    ]
    zone = "America/New_York"
    store = Store(store_id=chain.store_id, name=chain.store_id, time_zone=zone, currency=CURRENCY, country="US")
    campaigns = {campaign.campaign_id: campaign for campaign in chain.campaigns(hot=False)}
    knowledge = Knowledge()
    changes = Changes(revisions=_REVISIONS, campaigns=campaigns, items=items, stores=[store])
    knowledge.take_in(changes, NeedModel.of("bench", {"format": 1, **chain.model}))
    return knowledge
