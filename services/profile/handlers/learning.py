"""How the population models learn: baskets in (time, event id) order, the memory and the queue in one transaction."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import compress, decompress

import msgspec

from libs.common.contracts import Event, new_event
from libs.common.contracts.profile import ModelPublished
from libs.common.contracts.topics import PROFILE_MODELS
from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from libs.ranking.model import Model
from libs.ranking.population import PopulationState
from services.profile.domain.needs import Learner
from services.profile.domain.return_chance import ReturnChance, stretches
from services.profile.handlers.contacts import counts, is_purchase, purchase_of
from services.profile.handlers.intake import holder_of, master_data
from services.profile.handlers.shoppers import Shoppers, forget, take_over_earlier
from services.profile.handlers.snapshots import SOURCE
from services.profile.ports import LearnerState, ModelRow, ProfileStore, QueuedBasket

NEEDS, RETURN_WEIGHTS = "needs", "return-weights"
EXAMPLES_TOGETHER = 5_000
"""Learned in one stretch: a small part of a second."""
BODY_FORMAT = 1
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Memory:
    """The learners between two transactions: the live objects, and the stored state that they equal.

    Examples due before `matured_until` are learned; where nobody bought anything it stays behind `trained_until`.
    """

    needs: Learner
    returns: ReturnChance
    shoppers: Shoppers
    number: int = 0
    trained_until: datetime = _EPOCH
    matured_until: datetime = _EPOCH
    baskets_count: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """How much is taken up to which event time, how many items a published population names, how many customers memory holds."""

    until: datetime
    chunk_baskets: int
    published_items: int
    customers_kept: int


class FacetsBehind(RetryableError):
    """The folders have not worked in yet what is to be learned from. Nothing in memory has changed."""

    slug = "facets-behind"


def learn_until(reached_at: datetime, interval: timedelta) -> datetime:
    """The latest whole interval (counted from the epoch) that event time has completed.

    Models are made at these times only: which baskets a model has seen follows from the data, not from who looked when.
    """
    return _EPOCH + (reached_at - _EPOCH) // interval * interval


async def learn(store: ProfileStore, remembered: Memory | None, step: Step) -> tuple[Memory, int]:
    """Learn from what is queued up to `step.until` and publish new models.

    Returns the memory to keep once that is committed, and the number of baskets learned. Raises FacetsBehind.

    The learners inside `remembered` are changed in place: after a rollback it must be dropped. A memory that is not
    what is stored (another process learned meanwhile) is replaced by the stored one.
    """
    await store.learning.lock()
    memory = await _restored(store, remembered, step.customers_kept)
    if memory.trained_until >= step.until:
        return memory, 0
    if await store.learning.facets_lag():
        raise FacetsBehind("facets are behind the baskets in line")
    taken, learned, since = 0, 0, int(memory.matured_until.timestamp())
    while (baskets := await store.learning.take(step.until, step.chunk_baskets)) is not None:
        await memory.shoppers.learn(store, memory.needs, baskets, since)
        taken += len(baskets)
        learned += sum(not basket.voided for basket in baskets)
    memory = replace(memory, trained_until=step.until)
    if not taken:
        return memory, 0
    async for examples in memory.shoppers.matured(store, since, int(step.until.timestamp())):
        for stretch in stretches(examples, EXAMPLES_TOGETHER):
            memory.returns.learn(stretch)
            await store.learning.say_at_work()
    memory = replace(
        memory,
        number=memory.number + 1,
        matured_until=step.until,
        baskets_count=memory.baskets_count + learned,
    )
    await _save(store, memory, step)
    return memory, learned


async def unlearn(store: ProfileStore, identifiers: Collection[str]) -> int:
    """Drop what the learner remembers of these identifiers; returns of how many. Weights and statistics are of everybody."""
    await store.learning.lock()
    return await forget(store, identifiers)


async def queue_baskets(store: ProfileStore, events: Sequence[Event]) -> int:
    """Put what was bought in line; returns how many baskets that were. Training and cancelled receipts are none."""
    bought = [event for event in events if is_purchase(event) and counts(event)]
    known = await master_data(store, bought)
    await store.learning.enqueue(
        [
            QueuedBasket(
                occurred_at=event.occurred_at,
                identifier=holder_of(event),
                purchase=purchase_of(event, known),
                accepted_at=event.received_at,
            )
            for event in bought
        ]
    )
    return len(bought)


def read_model_body(body: Mapping[str, Any]) -> tuple[Model, PopulationState]:
    """The model in an event's body, and the item statistics that its features read; raises ValueError for another format."""
    if body.get("format") != BODY_FORMAT:
        raise ValueError("a model body of an unknown format")
    return Model.from_json(body["model"]), PopulationState.decode(b64decode(body["population"]))


async def _restored(store: ProfileStore, remembered: Memory | None, customers_kept: int) -> Memory:
    """What is remembered if it equals what is stored, else what is stored."""
    await take_over_earlier(store)
    known = remembered.number if remembered is not None else -1
    needs = await store.learning.state(NEEDS, above_number=known)
    returns = await store.learning.state(RETURN_WEIGHTS, above_number=known)
    if needs is None or returns is None:
        return remembered or Memory(Learner(), ReturnChance(), Shoppers(customers_kept))
    return Memory(
        Learner.decode(needs.state),
        read_returns(returns),
        Shoppers(customers_kept),
        needs.number,
        needs.trained_until,
        needs.trained_until,
        needs.baskets_count,
    )


def read_returns(stored: LearnerState) -> ReturnChance:
    """The return model that the learner stored."""
    return ReturnChance.from_json(msgspec.json.decode(decompress(stored.state)))


def packed_returns(returns: ReturnChance) -> bytes:
    """As `read_returns` reads it."""
    return compress(msgspec.json.encode(returns.to_json()), 1)


async def _save(store: ProfileStore, memory: Memory, step: Step) -> None:
    contents = {NEEDS: memory.needs.encode(), RETURN_WEIGHTS: packed_returns(memory.returns)}
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


def _row_of(model: Model, population: str, trained_until: datetime) -> ModelRow:
    model_id = model.id
    published = ModelPublished(
        model_name=model.name,
        number=model.number,
        model_id=model_id,
        trained_until=trained_until,
        body={"format": BODY_FORMAT, "model": model.to_json(), "population": population},
    )
    event = new_event(published, event_id=model_id, source=SOURCE, occurred_at=trained_until)
    return ModelRow(
        model_name=model.name,
        number=model.number,
        model_id=model_id,
        trained_until=trained_until,
        message=OutboxMessage.of(event, PROFILE_MODELS),
    )
