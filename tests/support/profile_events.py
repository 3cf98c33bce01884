"""Events as profile's topics carry them: builders with defaults."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from libs.common.contracts import Contract, Event, new_event
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.consent import Channel, ConsentChanged, IdentityLinked, Purpose
from libs.common.contracts.feedback import ComplaintMade, ComplaintResolved, Scale, SurveyAnswered
from libs.common.contracts.offers import VoucherIssued
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Return, Sale, Void
from libs.common.contracts.values import Identifier, IdentifierKind, ReceiptLine
from libs.common.contracts.web import ProductViewed

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ITEMS = tuple(f"item-{number}" for number in range(30))
STORES = ("store-1", "store-2")


def card(number: int) -> Identifier:
    return Identifier(kind=IdentifierKind.LOYALTY_CARD, value=str(number))


def visitor(number: int) -> Identifier:
    return Identifier(kind=IdentifierKind.WEB_VISITOR, value=str(number))


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def an_event(data: Contract, event_id: str, day: float = 0.0) -> Event:
    """As the front door publishes it, accepted a second after it happened."""
    return new_event(
        data,
        event_id=event_id,
        source="urn:test:till",
        occurred_at=at(day),
        received_at=at(day) + timedelta(seconds=1),
    )


def lines(items: Sequence[str], cents: int = 150) -> tuple[ReceiptLine, ...]:
    return tuple(
        ReceiptLine(line_no=number, item_id=item, quantity=Decimal(1), amount_cents=cents)
        for number, item in enumerate(items, 1)
    )


def a_sale(
    receipt_id: str,
    who: Identifier | None = None,
    *,
    items: Sequence[str] = ("item-1", "item-2"),
    day: float = 0.0,
    training: bool = False,
) -> Event:
    sold = lines(items)
    sale = Sale(
        receipt_id=receipt_id,
        store_id=STORES[0],
        customer=who,
        currency="EUR",
        training=training,
        lines=sold,
        total_cents=sum(line.amount_cents for line in sold),
    )
    return an_event(sale, f"sale-{receipt_id}", day)


def a_return(
    event_id: str, original_receipt_id: str | None, who: Identifier | None = None, *, day: float = 1.0
) -> Event:
    back = lines(["item-1"], cents=100)
    returned = Return(
        receipt_id=event_id,
        store_id=STORES[0],
        customer=who,
        currency="EUR",
        original_receipt_id=original_receipt_id,
        lines=back,
        total_cents=100,
    )
    return an_event(returned, event_id, day)


def a_void(event_id: str, receipt_id: str, *, day: float = 0.1) -> Event:
    void = Void(receipt_id=event_id, store_id=STORES[0], currency="EUR", voided_receipt_id=receipt_id)
    return an_event(void, event_id, day)


def a_view(event_id: str, who: Identifier, item_id: str = "item-1", *, day: float = 0.0) -> Event:
    return an_event(ProductViewed(visitor=who, item_id=item_id), event_id, day)


def an_answer(event_id: str, who: Identifier, score: int = 8, *, day: float = 0.0) -> Event:
    scale = Scale(lowest=0, highest=10)
    answer = SurveyAnswered(customer=who, survey_id="s", question="satisfaction", answer=score, scale=scale)
    return an_event(answer, event_id, day)


def a_complaint(event_id: str, who: Identifier, complaint_id: str, *, day: float = 0.0) -> Event:
    return an_event(ComplaintMade(customer=who, complaint_id=complaint_id), event_id, day)


def a_resolution(event_id: str, who: Identifier, complaint_id: str, *, day: float = 0.0) -> Event:
    resolved = ComplaintResolved(customer=who, complaint_id=complaint_id, outcome="refunded")
    return an_event(resolved, event_id, day)


def a_consent(
    event_id: str, who: Identifier, *, granted: bool = True, day: float = 0.0, evidence: str | None = None
) -> Event:
    word = ConsentChanged(
        customer=who, purpose=Purpose.PERSONAL_OFFERS, channel=Channel.TILL, granted=granted, evidence=evidence
    )
    return an_event(word, event_id, day)


def a_link(event_id: str, first: Identifier, second: Identifier, *, linked: bool = True, day: float = 0.0) -> Event:
    return an_event(IdentityLinked(first=first, second=second, linked=linked), event_id, day)


def a_tick(day: float) -> Event:
    return an_event(PlayTicked(reached_at=at(day)), f"tick-{day}", day)


def a_catalogue() -> list[Event]:
    """All items and stores; the last item is not one that can be wanted."""
    items = [
        an_event(
            CatalogItem(
                item_id=item,
                name=item,
                category=f"category {number % 5}",
                item_type=f"type {number % 10}",
                department="food",
                currency="EUR",
                voucherable=item != ITEMS[-1],
            ),
            f"catalogue-{item}",
            -1.0,
        )
        for number, item in enumerate(ITEMS)
    ]
    stores = [
        an_event(
            CatalogStore(store_id=store, name=store, time_zone="Europe/Berlin", country="DE", currency="EUR"),
            f"catalogue-{store}",
            -1.0,
        )
        for store in STORES
    ]
    return [*items, *stores]


def a_history(seed: int, *, people: int = 6, receipts: int = 60) -> list[Event]:
    """Weeks of contacts of a few people in the order of time: sales, returns, voids, views, answers, consents, links."""
    random = Random(seed)
    events: list[Event] = []
    for number in range(receipts):
        who = card(random.randrange(people)) if random.random() < 0.9 else None
        day = number * 0.5 + random.random()
        events.append(a_sale(f"r{number}", who, items=random.sample(ITEMS, random.randint(1, 6)), day=day))
        if number % 9 == 4:
            events.append(a_return(f"back-{number}", f"r{number}", day=day + 0.2))
        if number % 13 == 7:
            events.append(a_void(f"void-{number}", f"r{number}", day=day + 0.1))
        if number % 4 == 0:
            person = random.randrange(people)
            events.append(a_view(f"view-{number}", visitor(person), random.choice(ITEMS), day=day))
            events.append(an_answer(f"answer-{number}", card(person), random.randint(0, 10), day=day))
            events.append(a_consent(f"consent-{number}", card(person), granted=random.random() < 0.5, day=day))
        if number % 7 == 2:
            who_waits = card(random.randrange(people))
            events.append(a_complaint(f"complaint-{number}", who_waits, f"c{number}", day=day))
            if number % 2:
                events.append(a_resolution(f"resolution-{number}", who_waits, f"c{number}", day=day + 3))
        if number % 11 == 3:
            person = random.randrange(people)
            linked = random.random() < 0.7
            events.append(a_link(f"link-{number}", card(person), visitor(person), linked=linked, day=day))
    return sorted(events, key=lambda event: (event.occurred_at, event.id))


def a_voucher(event_id: str, customer_id: str | None, *, day: float = 0.0) -> Event:
    voucher = VoucherIssued(
        voucher_id=event_id,
        campaign_id="campaign",
        customer_id=customer_id,
        receipt_id="r",
        store_id=STORES[0],
        currency="EUR",
        checkout_id="c",
        greatest_value_cents=100,
        valid_from=at(day),
        expires_at=at(day + 14),
        tier=0,
    )
    return an_event(voucher, event_id, day)
