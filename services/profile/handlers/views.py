"""What the API shows: the customer as facets say now, and what a model expects in the next basket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

from msgspec import Raw, Struct, json

from libs.common.contracts.profile import ConsentInForce, CustomerValue, ProfileSnapshot
from libs.common.errors import Conflict, InvalidInput, NotFound
from libs.ranking.population import PopulationState
from libs.ranking.ranker import Need, PriorRanker, Ranker
from libs.ranking.state import CustomerRankingState, Moment, MomentKind
from services.profile.domain.delta import plus
from services.profile.domain.drivers import drivers_of
from services.profile.domain.facet import NEVER_FIRST, AnswerTally, Facet, has_open_complaint
from services.profile.domain.figures import objects_to_profiling, words_of
from services.profile.domain.page import Favourite, seen
from services.profile.domain.value import value_of
from services.profile.handlers.contacts import seconds_of, utc_offset_minutes
from services.profile.handlers.shapes import (
    Answers,
    CategorySpend,
    CustomerView,
    DriverView,
    FavouriteItem,
    NeedView,
    NextBasket,
    Totals,
    ValueView,
)
from services.profile.handlers.snapshots import consents_in_force, identifier_of, newest_event_at
from services.profile.handlers.worth import YEAR_DAYS
from services.profile.ports import FacetRow, ProfileStore
from services.profile.ports.views import PageFacet, PageRow

TOP = 20
_FARTHEST = timedelta(days=3_650)
"""Trips fade with the days between them and the question: much farther, their weights would leave the range of a float."""


@dataclass(frozen=True, slots=True)
class RankingModel:
    """A ranker with the item statistics that it reads; `number` 0 while no model was published."""

    number: int
    ranker: Ranker
    population: PopulationState


NO_MODEL = RankingModel(0, PriorRanker(), PopulationState())


class SnapshotRead(Struct, frozen=True):
    """What the customer view takes from a stored snapshot: reading all of it takes longer than all else of the view."""

    as_of: datetime
    segments: tuple[str, ...] = ()
    value: Raw = Raw(b"null")

    @property
    def customer_value(self) -> CustomerValue | None:
        """By the contract's own rules."""
        content = bytes(self.value)
        return None if content == b"null" else CustomerValue.model_validate_json(content)


_read = json.Decoder(SnapshotRead).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A next-basket question; `at` None: as of the newest event of the view."""

    customer_id: str
    k: int
    at: datetime | None
    store_id: str | None
    moment: MomentKind


async def customer_view(store: ProfileStore, customer_id: str) -> CustomerView:
    """The customer that an id (also an old one) stands for now; raises NotFound."""
    return page_view(await store.views.page(customer_id))


def page_view(page: PageRow | None) -> CustomerView:
    """All that there is to show; raises NotFound for no page."""
    if page is None:
        raise NotFound("no such customer", slug="unknown-customer")
    words = [word for facet in page.facets for word in facet.consents]
    in_force = consents_in_force(words)
    objects = objects_to_profiling(words_of(in_force))
    shown = seen([facet.rows for facet in page.facets], 0 if objects else TOP)
    facet = shown.facet
    derived = None if objects or page.snapshot is None else _read(page.snapshot)
    value = derived and derived.customer_value
    return CustomerView(
        customer_id=page.customer_id,
        snapshot_version=page.version,
        identifiers=tuple(identifier_of(one.identifier) for one in page.facets),
        as_of=newest_event_at(facet, words),
        first_contact_at=None if facet.first_at_seconds == NEVER_FIRST else _moment(facet.first_at_seconds),
        totals=_totals(page.facets, facet.counts),
        consents=in_force,
        segments=derived.segments if derived else (),
        tier=value.tier if value else None,
        value=_value(facet, value, seconds_of(derived.as_of)) if derived and value else None,
        open_complaint=has_open_complaint(facet),
        favourite_items=tuple(map(_favourite, shown.favourites)),
        categories=tuple(
            CategorySpend(category=category, lines_count=lines, amount_cents=amount)
            for category, lines, amount in shown.categories
        ),
        answers=_answers(facet.answers),
        counts=dict(sorted(facet.counts.items())),
    )


async def next_basket(store: ProfileStore, question: Question, model: RankingModel) -> NextBasket:
    """Rank the needs of a customer from its stored view; raises NotFound for an unknown one, InvalidInput.

    Raises Conflict for one who objects, also by a word that the view has not heard yet.
    """
    current, rows = await facets_of(store, question.customer_id)
    words = await store.customers.consents([row.identifier for row in rows])
    _check_profiled(consents_in_force(word for some in words.values() for word in some))
    stored = await store.customers.snapshot(current)
    if stored is None:
        raise NotFound("this customer has no view yet", slug="no-view-yet")
    snapshot = ProfileSnapshot.model_validate_json(stored[1])
    _check_profiled(snapshot.consents)  # allowed again, and not folded yet: there is nothing to rank by
    state = CustomerRankingState.from_json(snapshot.ranking_state)
    at = question.at or snapshot.as_of
    if abs(at - snapshot.as_of) > _FARTHEST:
        raise InvalidInput("so far from what is known of the customer nothing can be said", slug="moment-too-far")
    moment = Moment(
        seconds_of(at), question.store_id or _usual_store(state), question.moment, await _offset(store, question, at)
    )
    needs = model.ranker.rank(state, model.population, moment, question.k)
    bought = set(state.items)
    return NextBasket(
        customer_id=current,
        snapshot_version=stored[0],
        model_id=model.ranker.model_id,
        at=at,
        store_id=moment.store_id or None,
        moment=question.moment,
        needs=tuple(_need(need, bought_before=need.item_id in bought) for need in needs),
    )


def _check_profiled(consents: Sequence[ConsentInForce]) -> None:
    if objects_to_profiling(words_of(consents)):
        raise Conflict("this customer objects to profiling", slug="profiling-objected")


async def facets_of(store: ProfileStore, customer_id: str) -> tuple[str, Sequence[FacetRow]]:
    """The customer that an id stands for now, and its facets; raises NotFound."""
    current = next(iter(await store.customers.current_ids([customer_id])), None)
    rows = (await store.customers.facets([current])).get(current, ()) if current else ()
    if current is None or not rows:
        raise NotFound("no such customer", slug="unknown-customer")
    return current, rows


async def _offset(store: ProfileStore, question: Question, at: datetime) -> int:
    """The local clock of the store that was named; UTC without one."""
    known = await store.catalog.stores([question.store_id]) if question.store_id else {}
    row = known.get(question.store_id or "")
    return utc_offset_minutes(row.time_zone, at) if row else 0


def _usual_store(state: CustomerRankingState) -> str:
    """Where the latest trip was."""
    return state.stores[int(state.visit_stores[-1])] if state.visits else ""


def _need(need: Need, *, bought_before: bool) -> NeedView:
    return NeedView(item_id=need.item_id, score=need.score, reasons=tuple(need.reasons), bought_before=bought_before)


def _moment(at_seconds: int) -> datetime:
    return datetime.fromtimestamp(at_seconds, UTC)


def _value(facet: Facet, value: CustomerValue, at_seconds: int) -> ValueView:
    drivers = drivers_of(value_of(facet, at_seconds), value.chance_of_return_30_days_ratio, YEAR_DAYS)
    return ValueView(
        currency=value.currency,
        expected_year_cents=value.expected_year_cents,
        chance_of_return_30_days_ratio=value.chance_of_return_30_days_ratio,
        drivers=tuple(DriverView(figure=one.figure, value=one.value, pull=one.pull) for one in drivers),
    )


def _totals(facets: Sequence[PageFacet], counts: Mapping[str, int]) -> Totals:
    effects = reduce(plus, (facet.effects for facet in facets))
    return Totals(
        receipts_count=effects.receipts_count,
        lines_count=effects.lines_count,
        amount_cents=effects.amount_cents,
        returns_count=effects.returns_count,
        refund_cents=effects.refund_cents,
        contacts_count=effects.contacts_count,
        vouchers_issued_count=counts.get("vouchers_issued", 0),
        vouchers_redeemed_count=counts.get("vouchers_redeemed", 0),
        voucher_discount_cents=counts.get("voucher_discount_cents", 0),
    )


def _favourite(favourite: Favourite) -> FavouriteItem:
    name, tally = favourite
    return FavouriteItem(
        item_id=name,
        category=tally.label[2],
        item_type=tally.label[3],
        baskets_count=tally.baskets,
        amount_cents=tally.amount_cents,
        last_bought_at=_moment(tally.last_at_seconds),
    )


def _answers(answers: Mapping[str, AnswerTally]) -> tuple[Answers, ...]:
    return tuple(
        Answers(question=question, answers_count=tally.answers, mean_score=tally.score_sum / tally.answers)
        for question, tally in sorted(answers.items())
    )
