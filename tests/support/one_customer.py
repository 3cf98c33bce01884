"""One customer's life as events, under whatever identifiers, and the ways in which it may reach us."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from libs.common.contracts import Contract, Event
from libs.common.contracts.consent import Channel, ConsentChanged, Purpose
from libs.common.contracts.feedback import ComplimentMade, NpsAnswered, ServiceChannel, ServiceClosed, ServiceOpened
from libs.common.contracts.values import Identifier, IdentifierKind
from libs.common.contracts.web import AddedToCart, Ordered, Searched
from tests.support.profile_events import (
    ITEMS,
    a_complaint,
    a_resolution,
    a_return,
    a_sale,
    a_view,
    a_void,
    an_answer,
    an_event,
    card,
    lines,
)

DAYS = 60
Who = Callable[[], Identifier]


def mail(number: int) -> Identifier:
    return Identifier(kind=IdentifierKind.EMAIL_HASH, value=f"{number:064x}")


def either(first: Identifier, second: Identifier, random: Random) -> Who:
    """One of the two, by chance, each time that it is asked."""
    return lambda: random.choice((first, second))


@dataclass(frozen=True, slots=True)
class Life:
    """What one person does in two months: the same for the same number, whoever it is said to be."""

    number: int
    who: Who

    def events(self) -> list[Event]:
        """In the order of time, the last one a sale to each identifier that `who` may give."""
        random = Random(self.number)
        made = [event for step in range(random.randint(3, 18)) for event in self._step(random, step)]
        return sorted(made, key=lambda event: (event.occurred_at, event.id))

    def _step(self, random: Random, step: int) -> Iterator[Event]:
        day, name = random.uniform(0, DAYS), f"{self.number}-{step}"
        match random.randrange(8):
            case 0 | 1 | 2 | 3:
                yield from self._bought(random, name, day)
            case 4:
                yield from self._on_the_web(random, name, day)
            case 5:
                yield an_answer(f"answer-{name}", self.who(), random.randint(0, 10), day=day)
                yield self._said(NpsAnswered(customer=self.who(), score=random.randint(0, 10)), f"nps-{name}", day)
                yield self._said(ComplimentMade(customer=self.who()), f"praise-{name}", day)
            case 6:
                yield from self._waited(random, name, day)
            case _:
                purpose, channel = random.choice([*Purpose]), random.choice([*Channel])
                granted = random.random() < 0.6 or purpose is Purpose.PROFILING
                word = ConsentChanged(customer=self.who(), purpose=purpose, channel=channel, granted=granted)
                yield self._said(word, f"consent-{name}", day)

    def _bought(self, random: Random, name: str, day: float) -> Iterator[Event]:
        items = random.sample(ITEMS, random.randint(1, 6))
        yield a_sale(f"sale-{name}", self.who(), items=["item-1", *items], day=day)
        after = random.randrange(8)
        if after == 0:
            yield a_void(f"void-{name}", f"sale-{name}", day=day + 0.01)
        elif after in {1, 2}:
            yield a_return(f"back-{name}", f"sale-{name}", self.who(), day=day + random.uniform(0, 9))
        elif after == 3:
            yield a_return(f"back-{name}", None, self.who(), day=day + 1)

    def _on_the_web(self, random: Random, name: str, day: float) -> Iterator[Event]:
        sold = lines(random.sample(ITEMS, 2))
        order = Ordered(visitor=self.who(), order_id=f"order-{name}", currency="EUR", lines=sold, total_cents=300)
        yield a_view(f"view-{name}", self.who(), random.choice(ITEMS), day=day)
        yield self._said(Searched(visitor=self.who(), query="milk", results_count=3), f"search-{name}", day)
        yield self._said(
            AddedToCart(visitor=self.who(), item_id=random.choice(ITEMS), quantity=Decimal(1)), f"cart-{name}", day
        )
        yield self._said(order, f"order-{name}", day + 0.01)

    def _waited(self, random: Random, name: str, day: float) -> Iterator[Event]:
        yield a_complaint(f"complaint-{name}", self.who(), f"c{name}", day=day)
        if random.random() < 0.5:
            yield a_resolution(f"resolution-{name}", self.who(), f"c{name}", day=day + 2)
        case_id, channel = f"t{name}", ServiceChannel.PHONE
        asked = ServiceOpened(customer=self.who(), case_id=case_id, channel=channel, topic="delivery")
        yield self._said(asked, f"asked-{name}", day)
        yield self._said(
            ServiceClosed(customer=self.who(), case_id=case_id, outcome="solved"), f"answered-{name}", day + 1
        )

    @staticmethod
    def _said(body: Contract, event_id: str, day: float) -> Event:
        return an_event(body, event_id, day)


def a_farewell(number: int, whose: Iterable[Identifier]) -> list[Event]:
    """The last sale of each identifier, after all else."""
    return [
        a_sale(f"last-{number}-{who.kind}-{who.value}", who, day=DAYS + 20 + place) for place, who in enumerate(whose)
    ]


def arriving(events: Sequence[Event], random: Random, *, window_days: float) -> list[Event]:
    """As they may reach us: each up to `window_days` late, every third one again some time later."""
    arrivals = [(at_day(event) + random.uniform(0, window_days), event) for event in events]
    again = [(day + random.uniform(0, window_days + 1), event) for day, event in arrivals if random.random() < 0.33]
    return [event for _, event in sorted([*arrivals, *again], key=lambda arrival: (arrival[0], arrival[1].id))]


def at_day(event: Event) -> float:
    return event.occurred_at.timestamp() / 86_400


def batches(events: Sequence[Event], random: Random) -> Iterator[Sequence[Event]]:
    """In parts of any size."""
    start = 0
    while start < len(events):
        end = start + random.randint(1, 60)
        yield events[start:end]
        start = end


def two_handles(number: int) -> tuple[Identifier, Identifier]:
    """A card and a hashed address that nobody else has."""
    return card(number), mail(number)
