"""Complete Journey with all else that profiles hear of, in chapters of event time: as it happened, or late, shuffled and repeated."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from benchmarks.profile.year import CURRENCY, Year
from libs.common.contracts import TOPIC_OF_TYPE, Contract, new_event
from libs.common.contracts.consent import Channel, ConsentChanged, IdentityLinked, Purpose
from libs.common.contracts.envelope import parse_moment
from libs.common.contracts.feedback import Scale, SurveyAnswered
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.pos import Return, Void
from libs.common.contracts.topics import INGEST_CONSENT
from libs.common.contracts.values import Identifier, ReceiptLine
from libs.common.contracts.web import Ordered, ProductViewed
from libs.common.persistence import OutboxMessage
from libs.laptop.dataset import Basket
from tests.support.profile_events import card, visitor

LATE = timedelta(days=3)
"""How late an event may come."""
REPEATED_RATIO = 0.05
_SEED = 17
_VOID = b"usual.pos.void.v1"


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as its topic carries it."""

    at: datetime
    event_id: str
    message: OutboxMessage


@dataclass(frozen=True, slots=True)
class Chapter:
    """All that is heard before everything comes to rest and event time reaches `ends_at`."""

    events: Sequence[Heard]
    ends_at: datetime

    @property
    def tick(self) -> OutboxMessage:
        """Event time has reached the end."""
        return _heard(PlayTicked(reached_at=self.ends_at), f"tick-{self.ends_at:%Y%m%d}", self.ends_at).message


@dataclass(frozen=True, slots=True)
class Story:
    """A part of the year; `told_once` are the ids of all that facets are told, `baskets` counts sales.

    After the first chapters nobody hears how far event time is: baskets wait in line to be learned.
    """

    chapters: Sequence[Chapter]
    learned_chapters: int
    catalogue: Sequence[OutboxMessage]
    baskets: int
    told_once: frozenset[str]

    @property
    def events(self) -> int:
        """How many there are in all chapters, repeats counted."""
        return sum(len(chapter.events) for chapter in self.chapters)

    def upset(self, seed: int) -> "Story":
        """The same, each event up to LATE late within its chapter, some of them again, also in a later chapter."""
        random = Random(seed)
        ends = [chapter.ends_at for chapter in self.chapters]
        coming: list[list[tuple[datetime, Heard]]] = [[] for _ in ends]
        for number, chapter in enumerate(self.chapters):
            for heard in chapter.events:
                came_at = heard.at + LATE * random.random()
                coming[number].append((came_at, heard))
                if random.random() < REPEATED_RATIO:
                    again_at = came_at + LATE * random.random()
                    later = next((n for n, end in enumerate(ends) if n >= number and again_at < end), len(ends) - 1)
                    coming[later].append((again_at, heard))
        upset = [
            Chapter([heard for _, heard in sorted(some, key=lambda one: (one[0], one[1].event_id))], end)
            for some, end in zip(coming, ends, strict=True)
        ]
        return replace(self, chapters=upset)


def story(*, weeks: int, chapter_days: int, learned_chapters: int) -> Story:
    """The first weeks (53 are the whole year) in the order of time; chapters of `chapter_days` each end at midnight."""
    year = Year.of(weeks)
    told: set[str] = set()
    by_chapter: dict[int, list[Heard]] = defaultdict(list)
    began: datetime | None = None
    for heard in _everything(year, told):
        began = began or heard.at.replace(hour=0, minute=0, second=0, microsecond=0)
        by_chapter[(heard.at - began) // timedelta(days=chapter_days)].append(heard)
    assert began is not None
    chapters = [
        Chapter(
            sorted(events, key=lambda heard: (heard.at, heard.event_id)),
            began + timedelta(days=(number + 1) * chapter_days),
        )
        for number, events in sorted(by_chapter.items())
    ]
    return Story(
        chapters=chapters,
        learned_chapters=min(learned_chapters, len(chapters)),
        catalogue=_catalogue(year),
        baskets=year.baskets,
        told_once=frozenset(told),
    )


def _catalogue(year: Year) -> Sequence[OutboxMessage]:
    """All that is sold, and the stores."""
    sold = {f"item:{line.product_id}".encode() for basket in year.dataset.baskets() for line in basket.lines}
    return [
        message for message in year.catalogue() if message.key in sold or not (message.key or b"").startswith(b"item:")
    ]


def _everything(year: Year, told: set[str]) -> Iterator[Heard]:
    random = Random(_SEED)
    for number, (sale, basket) in enumerate(zip(year.sales(), year.dataset.baskets(), strict=True)):
        known = _known(sale)
        told.add(known.event_id)
        yield known
        beside = [make for every, make in _BESIDE.items() if number % every == every // 3]
        for make in beside:
            for heard in make(basket, random):
                told.update(_tells(heard, known))
                yield heard


def _tells(heard: Heard, sale: Heard) -> Iterator[str]:
    """What facets are told by an event beside a sale: itself, or that the sale is void; of consents and links nothing."""
    if dict(heard.message.headers)["ce_type"] == _VOID:
        yield f"{sale.event_id}#void"
    elif heard.message.topic != INGEST_CONSENT.name:
        yield heard.event_id


Beside = Iterator[Heard]


def _return(basket: Basket, random: Random) -> Beside:
    """One line comes back; who brings it back may not show the card."""
    line = basket.lines[0]
    known = card(int(basket.customer_id)) if random.random() < 0.5 else None
    back = Return(
        receipt_id=f"back-{basket.basket_id}",
        store_id=basket.store_id,
        customer=known,
        currency=CURRENCY,
        original_receipt_id=basket.basket_id,
        lines=(ReceiptLine(line_no=1, item_id=line.product_id, quantity=Decimal(1), amount_cents=50),),
        total_cents=50,
    )
    yield _heard(back, back.receipt_id, basket.occurred_at + timedelta(hours=20))


def _void(basket: Basket, _: Random) -> Beside:
    void = Void(
        receipt_id=f"void-{basket.basket_id}",
        store_id=basket.store_id,
        currency=CURRENCY,
        voided_receipt_id=basket.basket_id,
    )
    at = basket.occurred_at + timedelta(minutes=9)
    yield _heard(void, void.receipt_id, at)


def _views(basket: Basket, _: Random) -> Beside:
    for number, line in enumerate(basket.lines[:3]):
        viewed = ProductViewed(visitor=_visitor(basket), item_id=line.product_id)
        name = f"view-{basket.basket_id}-{number}"
        yield _heard(viewed, name, basket.occurred_at - timedelta(seconds=90 - number))


def _order(basket: Basket, _: Random) -> Beside:
    lines = tuple(
        ReceiptLine(line_no=number, item_id=line.product_id, quantity=Decimal(1), amount_cents=100)
        for number, line in enumerate(basket.lines, 1)
    )
    order = Ordered(
        visitor=_visitor(basket),
        order_id=f"order-{basket.basket_id}",
        currency=CURRENCY,
        lines=lines,
        total_cents=100 * len(lines),
    )
    yield _heard(order, order.order_id, basket.occurred_at + timedelta(minutes=40))


def _answer(basket: Basket, random: Random) -> Beside:
    scale = Scale(lowest=0, highest=10)
    answer = SurveyAnswered(
        customer=_card(basket), survey_id="s", question="value", answer=random.randint(0, 10), scale=scale
    )
    yield _heard(answer, f"answer-{basket.basket_id}", basket.occurred_at + timedelta(minutes=30))


def _consent(basket: Basket, random: Random) -> Beside:
    word = ConsentChanged(
        customer=_card(basket),
        purpose=random.choice(list(Purpose)),
        channel=Channel.TILL,
        granted=random.random() < 0.7,
    )
    yield _heard(word, f"consent-{basket.basket_id}", basket.occurred_at + timedelta(minutes=1))


def _link(basket: Basket, random: Random) -> Beside:
    """Card and visitor of a household, or not after all."""
    pair = IdentityLinked(first=_card(basket), second=_visitor(basket), linked=random.random() < 0.75)
    yield _heard(pair, f"link-{basket.basket_id}", basket.occurred_at + timedelta(minutes=2))


_BESIDE: Mapping[int, Callable[[Basket, Random], Beside]] = {
    10: _views,
    20: _return,
    25: _answer,
    30: _order,
    40: _consent,
    53: _void,
    60: _link,
}
"""What is heard beside every so manieth basket."""


def _card(basket: Basket) -> Identifier:
    return card(int(basket.customer_id))


def _visitor(basket: Basket) -> Identifier:
    return visitor(int(basket.customer_id))


def _heard(body: Contract, event_id: str, at: datetime) -> Heard:
    event = new_event(body, event_id=event_id, source="urn:test:story", occurred_at=at, received_at=at)
    return _known(OutboxMessage.of(event, TOPIC_OF_TYPE[event.type]))


def _known(message: OutboxMessage) -> Heard:
    said = {name: value.decode() for name, value in message.headers}
    return Heard(parse_moment(said["ce_time"]), f"{said['ce_source']}#{said['ce_id']}", message)
