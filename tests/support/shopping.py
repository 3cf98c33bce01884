"""Builders of shopping histories: contacts for facets, trips for rankers, a small seeded chain for learners."""

from collections.abc import Sequence
from random import Random

from libs.ranking.state import DAY_SECONDS, PastVisit
from services.profile.domain.contact import Purchase, PurchaseLine

START_SECONDS = 1_700_000_000


def a_line(
    item_id: str = "milk", *, rankable: bool = True, amount_cents: int = 199, discount_cents: int = 0
) -> PurchaseLine:
    return PurchaseLine(
        item_id=item_id,
        category=f"category of {item_id[0]}",
        type=f"type of {item_id}",
        quantity_milli=1000,
        amount_cents=amount_cents,
        discount_cents=discount_cents,
        rankable=rankable,
    )


def a_purchase(
    event_id: str = "e1", *, day: float = 0.0, items: Sequence[str] = ("milk",), store_id: str = "s1"
) -> Purchase:
    return Purchase(
        event_id=event_id,
        receipt_id=event_id,
        occurred_at_seconds=START_SECONDS + int(day * DAY_SECONDS),
        store_id=store_id,
        lines=tuple(a_line(item) for item in items),
    )


def a_trip(day: float, *items: str, store_id: str = "s1") -> PastVisit:
    return PastVisit(START_SECONDS + int(day * DAY_SECONDS), 0, store_id, tuple(sorted(set(items))))


def labels_for(items: Sequence[str]) -> dict[str, tuple[str, str]]:
    return {item: (f"category of {item[0]}", f"type of {item}") for item in items}


def a_chain_of_trips(customers: int, trips: int, seed: int) -> list[tuple[str, PastVisit]]:
    """(customer, trip) in time order: each customer has a few staples with an interval of their own among forty items."""
    random = Random(seed)
    catalogue = [f"{letter}{number}" for letter in "abcdefgh" for number in range(5)]
    made: list[tuple[str, PastVisit]] = []
    for customer in range(customers):
        staples = {item: random.randint(1, 4) for item in random.sample(catalogue, 6)}
        day = random.random()
        for trip in range(trips):
            wanted = [item for item, every in staples.items() if trip % every == 0] or [random.choice(catalogue)]
            made.append((f"c{customer}", a_trip(day, *wanted, random.choice(catalogue), store_id=f"s{customer % 2}")))
            day += random.uniform(1.0, 5.0)
    return sorted(made, key=lambda entry: (entry[1].at_seconds, entry[0]))
