"""Customers as the service's own rules make them of real households' baskets; each is given to many synthetic customers, by seed. Pure.

A history is a household's baskets of some consecutive weeks. What is stored of it (facet, deltas, view) is made once by the rules and the
codec of the service; a customer gets it with identifiers and receipts of its own, put in place of marks of the same length.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from libs.common.persistence.messages import encode_headers
from libs.laptop.dataset import Basket, Dataset
from services.profile.domain.contact import Contact, PackedPurchase, SurveyAnswer, WebView
from services.profile.domain.delta import Delta, Effects, effects_of, encode_delta
from services.profile.domain.facet import EMPTY
from services.profile.domain.facet_codec import encode, read_rows, write_rows
from services.profile.domain.growing import GrowingFacet
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.segments import RulesInForce
from services.profile.handlers.snapshots import FacetInView, Judgement, view_of
from services.profile.ports import ConsentRow

WEEK_SECONDS = 7 * 86_400
GREATEST_WEEKS = 8
GUESTS = 0.25
"""The part of the customers who were met on the web too, and are linked."""
CARD_MARK, GUEST_MARK = "loyalty_card:" + "#" * 27, "web_visitor:" + "%" * 27
CUSTOMER_MARK = "@" * 36
RECEIPT_MARK = "&" * 10
_EMPTY_STATE = encode(EMPTY)
UNTAUGHT = Judgement(ReturnChance(), RulesInForce(-1, ()))
"""No model was learned and nobody has made a segment."""
_WORDS = (("marketing", "email"), ("profiling", "any"), ("vouchers", "till"))


@dataclass(frozen=True, slots=True)
class FacetMade:
    """One facet: its state, its plain columns, and the deltas that it was made of."""

    state: bytes
    effects: Effects
    deltas: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class History:
    """All that is stored of one customer, with marks where its names go; the second facet, if any, is the guest's."""

    facets: Sequence[FacetMade]
    headers: bytes
    body: bytes
    consents: Sequence[tuple[str, str]]
    receipts: int


def purchases_of(dataset: Dataset) -> Mapping[str, Sequence[PackedPurchase]]:
    """What each household bought, in order of time, as the worker would tell it to a facet."""
    bought: defaultdict[str, list[PackedPurchase]] = defaultdict(list)
    for basket in dataset.baskets():
        bought[basket.customer_id].append(_purchase(dataset, basket))
    return bought


def histories(bought: Mapping[str, Sequence[PackedPurchase]], count: int, seed: int) -> list[History]:
    """So many histories: a household each, from one to GREATEST_WEEKS weeks of it, with or without a guest."""
    chance, households = Random(seed), sorted(bought)
    return [history_of(_window(bought[chance.choice(households)], chance), chance) for _ in range(count)]


def history_of(purchases: Sequence[PackedPurchase], chance: Random) -> History:
    """What the rules make of these purchases; each came in a batch of its own, as it does when nothing waits."""
    marked = [_with_receipt(purchase, number) for number, purchase in enumerate(purchases)]
    facets = [_facet(marked)]
    if chance.random() < GUESTS:
        facets.append(_facet(_met_on_the_web(purchases, chance)))
    last_at = datetime.fromtimestamp(purchases[-1].occurred_at_seconds, UTC)
    consents = _WORDS[: chance.randrange(1, len(_WORDS) + 1)]
    words = [
        ConsentRow(
            identifier=CARD_MARK,
            purpose=purpose,
            channel=channel,
            granted=True,
            occurred_at=last_at,
            event_id="e",
            accepted_at=None,
        )
        for purpose, channel in consents
    ]
    named = zip((CARD_MARK, GUEST_MARK), facets, (words, ()), strict=False)
    parts = [
        FacetInView(identifier=name, rows=read_rows(made.state), effects=made.effects, consents=said)
        for name, made, said in named
    ]
    message = view_of(CUSTOMER_MARK, 1, parts, UNTAUGHT).message
    if message is None or message.value is None:
        raise ValueError("a view of a facet is no tombstone")
    return History(facets, encode_headers(message.headers), message.value, consents, len(purchases))


def _facet(contacts: Sequence[Contact]) -> FacetMade:
    deltas = [
        Delta((contact,), "USD", datetime.fromtimestamp(contact.occurred_at_seconds, UTC)) for contact in contacts
    ]
    growing = GrowingFacet(_EMPTY_STATE)
    for delta in deltas:
        growing.hear(delta)
    return FacetMade(write_rows(growing.settle()), effects_of(*deltas), [encode_delta(delta) for delta in deltas])


def _window(purchases: Sequence[PackedPurchase], chance: Random) -> Sequence[PackedPurchase]:
    times = [purchase.occurred_at_seconds for purchase in purchases]
    first = chance.randrange(len(times))
    until = times[first] + chance.randrange(1, GREATEST_WEEKS + 1) * WEEK_SECONDS
    return purchases[first : bisect_left(times, until)]


def _met_on_the_web(purchases: Sequence[PackedPurchase], chance: Random) -> list[Contact]:
    seen: list[Contact] = []
    for purchase in purchases:
        at = purchase.occurred_at_seconds - chance.randrange(60, 86_400)
        seen += [WebView(f"w-{at}-{item}", at, "product", item) for item in purchase.items[:3]]
    last = purchases[-1].occurred_at_seconds
    return [*seen, SurveyAnswer(f"s-{last}", last, "satisfaction", chance.randrange(11))]


def _with_receipt(purchase: PackedPurchase, number: int) -> PackedPurchase:
    return PackedPurchase(
        purchase.event_id,
        f"{RECEIPT_MARK}{number:03d}",
        *[getattr(purchase, name) for name in PackedPurchase.__struct_fields__[2:]],
    )


def _purchase(dataset: Dataset, basket: Basket) -> PackedPurchase:
    products = [dataset.products[line.product_id] for line in basket.lines]
    return PackedPurchase(
        event_id=f"sale-{basket.basket_id}",
        receipt_id=basket.basket_id,
        occurred_at_seconds=int(basket.occurred_at.timestamp()),
        store_id=basket.store_id,
        items=tuple([line.product_id for line in basket.lines]),
        categories=tuple([product.category for product in products]),
        types=tuple([product.type for product in products]),
        quantities_milli=tuple([int(line.quantity * 1000) for line in basket.lines]),
        amounts_cents=tuple([line.amount_cents for line in basket.lines]),
        discounts_cents=tuple([line.discount_cents + line.coupon_discount_cents for line in basket.lines]),
        rankable=tuple([product.voucherable for product in products]),
    )
