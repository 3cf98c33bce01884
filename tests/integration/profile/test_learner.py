"""The learner: each basket once, in (time, event id) order; its models follow from the data, whatever happens to its process."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.profile import ModelPublished
from services.profile.handlers.learning import read_model_body
from services.profile.store import PostgresProfileStore
from tests.support.postgres import Database
from tests.support.profile_events import ITEMS, START, a_catalogue, a_sale, a_tick, at, card
from tests.support.profile_running import RunningProfile, running_profile

Between = Callable[[RunningProfile], Awaitable[RunningProfile]]
DAYS = 16


def shopping(seed: int) -> list[Event]:
    """A dozen people with staples of their own; some baskets are nobody's."""
    random = Random(seed)
    events = []
    for person in range(12):
        staples = random.sample(ITEMS, 4)
        day = random.random()
        while day < DAYS:
            who = card(person) if random.random() < 0.95 else None
            items = sorted({*random.sample(staples, 3), random.choice(ITEMS)})
            events.append(a_sale(f"{person}-{day:.3f}", who, items=items, day=day))
            day += random.uniform(0.5, 2.0)
    return sorted(events, key=lambda event: (event.occurred_at, event.id))


async def played(profile: RunningProfile, events: list[Event], between: Between) -> list[dict[str, Any]]:
    """Day after day: the day's events, the tick, and what the test does between; then the models."""
    await profile.take(a_catalogue())
    for day in range(1, DAYS + 1):
        await profile.take([event for event in events if at(day - 1) <= event.occurred_at < at(day)])
        await profile.tick(a_tick(day))
        profile = await between(profile)
    return await profile.rows(
        "SELECT model_name, number, model_id, trained_until, body FROM models ORDER BY model_name"
    )


async def nothing(profile: RunningProfile) -> RunningProfile:
    return profile


async def restarted(profile: RunningProfile) -> RunningProfile:
    return profile.restarted_learner()


async def rolled_back(profile: RunningProfile) -> RunningProfile:
    """A step that learns a basket and is undone: neither memory nor tables may keep any of it."""
    newest = (await profile.rows("SELECT max(trained_until) AS newest FROM learner_states"))[0]["newest"]
    await profile.take([a_sale(f"undone-{newest}", card(1), items=ITEMS[:5], day=DAYS + 1)])
    with pytest.raises(ZeroDivisionError):
        await learned_and_undone(profile)
    await profile.rows("DELETE FROM learning_queue WHERE event_id LIKE '%undone%' RETURNING 1")
    return profile


async def learned_and_undone(profile: RunningProfile) -> None:
    async with profile.parts.transactions.begin() as tx:
        await profile.learning.reached(tx, PostgresProfileStore(tx), at(DAYS + 5))
        raise ZeroDivisionError


@pytest.mark.parametrize("between", [restarted, rolled_back])
async def test_restarts_and_rollbacks_change_no_model(
    database: Database, other_database: Database, between: Between
) -> None:
    events = shopping(1)
    found = []
    for where, what in ((database, nothing), (other_database, between)):
        async with running_profile(where, learning_interval_seconds=86_400) as profile:
            found.append(await played(profile, events, what))
    assert found[0] == found[1]
    assert [row["number"] for row in found[0]] == [DAYS] * 2


async def test_order_of_arrival_between_ticks_changes_no_model(database: Database, other_database: Database) -> None:
    events = shopping(2)
    mixed = Random(3).sample(events, len(events))
    found = []
    for where, history in ((database, events), (other_database, mixed)):
        async with running_profile(where, learning_interval_seconds=86_400) as profile:
            found.append(await played(profile, history, nothing))
    assert found[0] == found[1]


async def test_every_basket_is_learned_once_and_only_when_an_interval_is_complete(database: Database) -> None:
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        await profile.take([a_sale("r1", card(1)), a_sale("r2", card(1), day=0.01), a_sale("r3", None, day=1)])
        await profile.tick(a_tick(0.5))
        assert await profile.rows("SELECT * FROM models") == []
        await profile.tick(a_tick(0.7))
        await profile.tick(a_tick(0.8))
        assert [row["number"] for row in await profile.rows("SELECT number FROM models")] == [1, 1]
        [state] = await profile.rows("SELECT baskets_count FROM learner_states WHERE learner = 'needs'")
        assert state["baskets_count"] == 2
        assert len(await profile.rows("SELECT * FROM learning_queue")) == 1


async def test_a_published_model_can_be_read_and_names_its_moment(database: Database) -> None:
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        await played(profile, shopping(4), nothing)
        for row in await profile.rows("SELECT * FROM models"):
            published = ModelPublished.model_validate_json(row["body"])
            model, population = read_model_body(published.body)
            assert model.id == published.model_id == row["model_id"]
            assert len(population.item_ids) > len(ITEMS) / 2
            assert published.trained_until > START
