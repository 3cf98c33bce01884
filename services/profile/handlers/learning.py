"""How the population models learn: baskets in (time, event id) order, the memory and the queue in one transaction."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import compress, decompress

import msgspec
import numpy as np

from libs.common.contracts import Event, new_event
from libs.common.contracts.profile import ModelPublished
from libs.common.contracts.topics import PROFILE_MODELS
from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from libs.ranking.model import Model
from libs.ranking.population import PopulationState
from libs.ranking.state import state_of
from services.profile.domain.contact import AnyPurchase, tie_of
from services.profile.domain.facet import VisitKey
from services.profile.domain.facet_codec import Rows, about_time
from services.profile.domain.facet_of import visit_of
from services.profile.domain.needs import Learner
from services.profile.domain.ranking_state import ranking_state_of_rows, visits_before
from services.profile.domain.return_chance import ReturnChance, standing_of, without
from services.profile.domain.rhythm import rhythm_of_trips
from services.profile.domain.value import value_of
from services.profile.handlers.contacts import is_purchase, is_sale, purchase_of
from services.profile.handlers.intake import holder_of, master_data
from services.profile.handlers.snapshots import SOURCE
from services.profile.ports import LearnerState, ModelRow, ProfileStore, QueuedBasket

NEEDS, RETURNS, RETURN_WEIGHTS = "needs", "return-chance", "return-weights"
BODY_FORMAT = 1
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Memory:
    """The learners between two transactions: the live objects, and the stored state that they equal."""

    needs: Learner
    returns: ReturnChance
    number: int
    trained_until: datetime
    baskets_count: int


@dataclass(frozen=True, slots=True)
class Step:
    """How much is taken up to which event time, and how many items a published population names."""

    until: datetime
    chunk_baskets: int
    published_items: int


def learn_until(reached_at: datetime, interval: timedelta) -> datetime:
    """The latest whole interval (counted from the epoch) that event time has completed.

    Models are made at these times only: which baskets a model has seen follows from the data, not from who looked when.
    """
    return _EPOCH + (reached_at - _EPOCH) // interval * interval


async def learn(store: ProfileStore, remembered: Memory | None, step: Step) -> tuple[Memory, int]:
    """Learn from what is queued up to `step.until` and publish new models.

    Returns the memory to keep once that is committed, and the number of baskets learned.

    The learners inside `remembered` are changed in place: after a rollback it must be dropped. A memory that is not
    what is stored (another process learned meanwhile) is replaced by the stored one.
    """
    await store.learning.lock()
    memory = await _restored(store, remembered)
    if memory.trained_until >= step.until:
        return memory, 0
    if await store.learning.facets_lag():
        raise RetryableError("facets are behind the baskets in line", slug="facets-behind")
    learned = 0
    while (baskets := await store.learning.take(step.until, step.chunk_baskets)) is not None:
        facets = await store.facets.of_identifiers({b.identifier for b in baskets if b.identifier is not None})
        _learn_from(memory, baskets, facets)
        learned += len(baskets)
    memory.returns.advance(int(step.until.timestamp()))
    memory = replace(
        memory,
        number=memory.number + bool(learned),
        trained_until=step.until,
        baskets_count=memory.baskets_count + learned,
    )
    if learned:
        await _save(store, memory, step)
    return memory, learned


async def unlearn(store: ProfileStore, identifiers: Collection[str]) -> int:
    """Drop what the learner remembers of these identifiers; returns how many entries. Weights and statistics are of everybody."""
    await store.learning.lock()
    stored = await store.learning.state(RETURNS)
    if stored is None:
        return 0
    kept, entries = without(msgspec.json.decode(decompress(stored.state)), set(identifiers))
    if entries:
        await store.learning.rewrite(RETURNS, _packed(kept))
    return entries


async def queue_baskets(store: ProfileStore, events: Sequence[Event]) -> int:
    """Put what was bought in line; returns how many baskets that were. Training and cancelled receipts are none."""
    bought = [event for event in events if is_purchase(event) and (not is_sale(event) or event.data.counts)]  # type: ignore[attr-defined]  # a sale
    known = await master_data(store, bought)
    await store.learning.enqueue(
        [
            QueuedBasket(occurred_at=event.occurred_at, identifier=holder_of(event), purchase=purchase_of(event, known))
            for event in bought
        ]
    )
    return len(bought)


def read_model_body(body: Mapping[str, Any]) -> tuple[Model, PopulationState]:
    """The model in an event's body, and the item statistics that its features read; raises ValueError for another format."""
    if body.get("format") != BODY_FORMAT:
        raise ValueError("a model body of an unknown format")
    return Model.from_json(body["model"]), PopulationState.decode(b64decode(body["population"]))


async def _restored(store: ProfileStore, remembered: Memory | None) -> Memory:
    """What is remembered if it equals what is stored, else what is stored."""
    known = remembered.number if remembered is not None else -1
    needs = await store.learning.state(NEEDS, above_number=known)
    returns = await store.learning.state(RETURNS, above_number=known)
    if needs is None or returns is None:
        return remembered or Memory(Learner(), ReturnChance(), 0, _EPOCH, 0)
    return Memory(
        Learner.decode(needs.state), read_returns(returns), needs.number, needs.trained_until, needs.baskets_count
    )


def read_returns(stored: LearnerState) -> ReturnChance:
    """The return model that the learner stored, with its memory of customers or (RETURN_WEIGHTS) without."""
    return ReturnChance.from_json(msgspec.json.decode(decompress(stored.state)))


async def _save(store: ProfileStore, memory: Memory, step: Step) -> None:
    returns = memory.returns.to_json()
    weights = returns | {"standings": {}, "trips": {}, "probes": [], "examples": []}  # all that predicting needs
    contents = {NEEDS: memory.needs.encode(), RETURNS: _packed(returns), RETURN_WEIGHTS: _packed(weights)}
    for learner, content in contents.items():
        state = LearnerState(
            number=memory.number,
            trained_until=memory.trained_until,
            baskets_count=memory.baskets_count,
            state=content,
        )
        await store.learning.save_state(learner, state)
    population = b64encode(memory.needs.population.state.encode(step.published_items)).decode()
    for model in memory.needs.models(memory.number).values():
        await store.learning.publish(_row_of(model, population, memory.trained_until))


def packed_returns(returns: ReturnChance) -> bytes:
    """As `read_returns` reads it."""
    return _packed(returns.to_json())


def _packed(value: object) -> bytes:
    return compress(msgspec.json.encode(value), 1)


def _learn_from(memory: Memory, baskets: Sequence[QueuedBasket], facets: Mapping[str, Rows]) -> None:
    """Each basket after what its customer's facet knew before it: the facet may have run ahead, the list comes first."""
    for basket in baskets:
        purchase = basket.purchase
        rows = facets.get(basket.identifier) if basket.identifier is not None else None
        key = VisitKey(purchase.occurred_at_seconds, tie_of(purchase.event_id))
        before = ranking_state_of_rows(rows, before=key) if rows is not None else state_of((), {})
        visit = visit_of(purchase)
        memory.needs.learn(before, visit, _labels_of(purchase))
        if basket.identifier is not None and rows is not None and visit.items:
            _note_trip(memory.returns, basket.identifier, rows, key)


def _note_trip(returns: ReturnChance, identifier: str, rows: Rows, key: VisitKey) -> None:
    trips = rows.visits[: visits_before(rows, VisitKey(key.at_seconds, key.tie + 1))]
    rhythm = rhythm_of_trips(np.array([trip[0] for trip in trips], np.int64), key.at_seconds)
    if rhythm is not None:
        returns.visited(identifier, standing_of(rhythm, value_of(about_time(rows), key.at_seconds)))


def _labels_of(purchase: AnyPurchase) -> dict[str, tuple[str, str]]:
    return {line.item_id: (line.category, line.type) for line in purchase.lines}


def _row_of(model: Model, population: str, trained_until: datetime) -> ModelRow:
    published = ModelPublished(
        model_name=model.name,
        number=model.number,
        model_id=model.id,
        trained_until=trained_until,
        body={"format": BODY_FORMAT, "model": model.to_json(), "population": population},
    )
    event = new_event(published, event_id=model.id, source=SOURCE, occurred_at=trained_until)
    return ModelRow(
        model_name=model.name,
        number=model.number,
        model_id=model.id,
        trained_until=trained_until,
        message=OutboxMessage.of(event, PROFILE_MODELS),
    )
