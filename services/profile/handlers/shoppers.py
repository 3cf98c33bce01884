"""What the learner remembers of customers: loaded when they shop, stored when it changed, and never more of it in memory than allowed."""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from zlib import decompress

import msgspec

from libs.ranking.history import trip_gap_days
from libs.ranking.state import DAY_SECONDS, PastVisit
from services.profile.domain.contact import PackedPurchase, packed, tie_of
from services.profile.domain.facet import VisitKey
from services.profile.domain.facet_codec import Rows
from services.profile.domain.facet_of import week_of
from services.profile.domain.needs import VISITS_BEFORE_LEARNING, Learner
from services.profile.domain.population import Basket, PopulationLearner
from services.profile.domain.ranking_state import visits_before
from services.profile.domain.return_chance import Example, Waiting, due_examples, earlier_waiting, next_due_at
from services.profile.domain.shopper import Shopper
from services.profile.ports import Due, LearnerCustomer, ProfileStore, QueuedBasket

EARLIER_RETURNS = "return-chance"
"""What earlier releases remembered of customers: one value for all of them."""
AT_ONCE = 500
"""Customers a page, where all of those are asked for who have something due."""
SECONDS_AT_ONCE = 600
"""Of event time, where more than a page is due: half a day of a large chain would take a gigabyte of memory."""


class Shoppers:
    """Those of one learner process. What it holds beyond the store is gone with a rollback: then drop it."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._known: OrderedDict[str, Shopper] = OrderedDict()
        self._changed: set[str] = set()
        self._matured: list[Example] = []

    async def learn(self, store: ProfileStore, learner: Learner, baskets: Sequence[QueuedBasket], since: int) -> None:
        """Learn from baskets in (time, event id) order, each after what was known before it; `since`: examples due before are learned."""
        await self._load(store, learner.population, baskets)
        for queued in baskets:
            purchase = packed(queued.purchase)
            basket = _basket_of(purchase, learner.population)
            shopper = self._known[queued.identifier] if queued.identifier is not None else Shopper()
            if not queued.voided:
                known = shopper.visits >= VISITS_BEFORE_LEARNING and basket.visit.items
                history = shopper.history(learner.population.state, basket.key) if known else None
                learner.take(history, basket.visit, basket.rows, shopper.last_purchases(basket))
            if queued.identifier is not None:
                _remember(shopper, basket, purchase, voided=queued.voided)
                self._changed.add(queued.identifier)
        if len(self._known) > self._kept:
            await self._store(store, since)

    async def matured(self, store: ProfileStore, since: int, until: int) -> AsyncIterator[Sequence[Example]]:
        """Store what has changed; then the examples that are due from `since` on, before `until`: in the order of time, some minutes or a page at once."""
        await self._store(store, since)
        settled = deque(sorted(self._matured, key=attrgetter("due_at_seconds")))
        self._matured = []
        after: Due = (-1, "")
        while (page := await store.learning.due_customers(until, after, AT_ONCE)) or settled:
            end = until
            if len(page) == AT_ONCE:
                first = min(page[0][0], settled[0].due_at_seconds) if settled else page[0][0]
                end = min(max(_minutes_of(page[-1][0]), _minutes_of(max(since, first)) + SECONDS_AT_ONCE), until)
            examples: list[Example] = []
            while settled and settled[0].due_at_seconds < end:
                examples.append(settled.popleft())
            while page := [one for one in page if one[0] < end]:
                after = page[-1]
                examples += await self._due(store, page, since, end)
                page = await store.learning.due_customers(end, after, AT_ONCE)
            yield examples
            since = end

    async def _due(self, store: ProfileStore, page: Sequence[Due], since: int, until: int) -> Sequence[Example]:
        """The examples of these, who wait from then on for what is due later."""
        missing = await store.learning.customers([name for _, name in page if name not in self._known])
        examples: list[Example] = []
        due: dict[str, int | None] = {}
        for _, identifier in page:
            shopper = self._known.get(identifier) or Shopper.decode(missing[identifier])
            examples.extend(due_examples(identifier, shopper.waiting, since, until))
            due[identifier] = next_due_at(shopper.waiting, until)
        await store.learning.set_due(due)
        return examples

    async def _load(self, store: ProfileStore, population: PopulationLearner, baskets: Sequence[QueuedBasket]) -> None:
        """Have everybody at hand who shops; who was never met is what the facet knew before the first of these baskets."""
        first: dict[str, QueuedBasket] = {}
        for basket in baskets:
            if basket.identifier is not None:
                first.setdefault(basket.identifier, basket)
        for identifier in first.keys() & self._known.keys():
            self._known.move_to_end(identifier)
        missing = sorted(first.keys() - self._known.keys())
        stored = await store.learning.customers(missing)
        for identifier in missing:
            self._known[identifier] = Shopper.decode(stored[identifier]) if identifier in stored else _a_stranger()
        strangers = [identifier for identifier in missing if not self._known[identifier].knows_trips]
        keys = {identifier: _key_of(first[identifier]) for identifier in strangers}
        facets = await store.facets.with_visits_before(keys)
        for identifier in strangers:
            if identifier in facets:
                _remember_facet(self._known[identifier], facets[identifier], keys[identifier], population)
            self._known[identifier].knows_trips = True

    async def _store(self, store: ProfileStore, since: int) -> None:
        rows = []
        for identifier in self._changed:
            shopper = self._known[identifier]
            self._settle(identifier, shopper, since)
            due = next_due_at(shopper.waiting, since)
            rows.append(LearnerCustomer(identifier=identifier, due_at_seconds=due, state=shopper.encode()))
        await store.learning.keep_customers(rows)
        self._changed = set()
        while len(self._known) > self._kept:
            self._known.popitem(last=False)

    def _settle(self, identifier: str, shopper: Shopper, since: int) -> None:
        """Take out what does not wait any more as of the newest trip: by the data alone, so that all learners store the same."""
        if not shopper.waiting:
            return
        newest = shopper.waiting[-1].last_trip_at_seconds
        if shopper.waiting[0].waits_until >= newest:  # and so do those after it
            return
        done = [one for one in shopper.waiting if one.last_due_at() < newest]
        if done:
            self._matured.extend(due_examples(identifier, done, since, newest))
            shopper.waiting = [one for one in shopper.waiting if one.last_due_at() >= newest]


def _minutes_of(at_seconds: int) -> int:
    return at_seconds // SECONDS_AT_ONCE * SECONDS_AT_ONCE


async def take_over_earlier(store: ProfileStore) -> None:
    """Give each customer the part of an earlier release's memory that is theirs; does nothing a second time."""
    stored = await store.learning.take_earlier(EARLIER_RETURNS)
    if stored is None:
        return
    rows = []
    for identifier, waiting in earlier_waiting(msgspec.json.decode(decompress(stored))).items():
        shopper = _a_stranger()
        shopper.waiting = waiting
        rows.append(
            LearnerCustomer(identifier=identifier, due_at_seconds=next_due_at(waiting, 0), state=shopper.encode())
        )
    await store.learning.keep_customers(rows)


async def forget(store: ProfileStore, identifiers: Collection[str]) -> int:
    """Drop what is remembered of these identifiers; returns of how many there was something."""
    await take_over_earlier(store)
    forgotten = await store.learning.forget_customers(identifiers)
    if forgotten:
        await store.learning.raise_numbers()
    return forgotten


def _key_of(basket: QueuedBasket) -> VisitKey:
    purchase = basket.purchase
    return VisitKey(purchase.occurred_at_seconds, tie_of(purchase.event_id))


def _a_stranger() -> Shopper:
    shopper = Shopper()
    shopper.knows_trips = False
    return shopper


def _basket_of(purchase: PackedPurchase, population: PopulationLearner) -> Basket:
    labels = dict(zip(purchase.items, zip(purchase.categories, purchase.types, strict=True), strict=True))
    items = tuple(sorted(set(compress(purchase.items, purchase.rankable))))
    at = purchase.occurred_at_seconds
    visit = PastVisit(at, purchase.utc_offset_minutes, purchase.store_id, items)
    return population.basket(VisitKey(at, tie_of(purchase.event_id)), visit, labels)


def _remember(shopper: Shopper, basket: Basket, purchase: PackedPurchase, *, voided: bool) -> None:
    """The trip, what was paid, and that whoever waited for this trip waits no longer."""
    visit, is_newest = basket.visit, shopper.is_newest(basket.key)
    if visit.items and not shopper.add(basket):
        return
    paid = 0 if voided else sum(purchase.amounts_cents)
    shopper.pace.add(week_of(visit.at_seconds, visit.utc_offset_minutes), paid)
    if voided or not visit.items:
        return
    for waiting in shopper.waiting[-2:] if is_newest else shopper.waiting:  # the others know of a trip in between
        waiting.came_again(visit.at_seconds)
    if is_newest:
        _wait(shopper, visit.at_seconds)


def _wait(shopper: Shopper, at_seconds: int) -> None:
    """Begin to wait for the trip after this one; of two in the same second the later one knows more."""
    pace = shopper.pace
    if shopper.waiting and shopper.waiting[-1].last_trip_at_seconds == at_seconds:
        shopper.waiting.pop()
    shopper.waiting.append(
        Waiting(
            last_trip_at_seconds=at_seconds,
            visits=shopper.visits,
            interval_days=trip_gap_days(shopper.trip_at_seconds / DAY_SECONDS),
            weekly_cents=pace.weekly_cents,
            weekly_visits=pace.weekly_visits,
            trend_ratio=pace.trend_ratio,
        )
    )


def _remember_facet(shopper: Shopper, rows: Rows, before: VisitKey, population: PopulationLearner) -> None:
    """What a facet tells of the time before a key: the trips, and what was paid on them."""
    for at, tie, store_id, offset, cents, numbers in rows.visits[: visits_before(rows, before)]:
        labels = _labels_of(rows, numbers)
        basket = population.basket(VisitKey(at, tie), PastVisit(at, offset, store_id, tuple(labels)), labels)
        shopper.add(basket)
        shopper.pace.add(week_of(at, offset), cents)


def _labels_of(rows: Rows, numbers: Sequence[int]) -> Mapping[str, tuple[str, str]]:
    found = {}
    for number in numbers:
        tally = rows.tallies[number]
        found[rows.items[number]] = ("", "") if tally is None else (rows.words[tally[10]], rows.words[tally[11]])
    return found
