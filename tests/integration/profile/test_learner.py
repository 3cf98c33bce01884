"""The learner: each basket once, in (time, event id) order; its models follow from the data, whatever happens to its process."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from zlib import compress, decompress

import msgspec
import pytest

from libs.common.contracts import Event
from libs.common.contracts.profile import ModelPublished
from libs.ranking.population import PopulationState
from services.profile.domain.facet import VisitKey
from services.profile.domain.facet_codec import read_rows
from services.profile.domain.needs import Learner
from services.profile.domain.ranking_state import ranking_state_of_rows
from services.profile.domain.return_chance import ReturnChance
from services.profile.domain.shopper import Shopper
from services.profile.handlers.learning import FacetsBehind, read_model_body, unlearn
from services.profile.store import PostgresProfileStore
from tests.support.postgres import Database
from tests.support.profile_events import ITEMS, START, a_catalogue, a_sale, a_tick, at, card
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.remembered import state_in

Between = Callable[[RunningProfile], Awaitable[RunningProfile]]
DAYS = 16
BEHIND = """
    INSERT INTO offsets (consumer_group, incarnation, topic, partition, next_offset, owner)
    VALUES ('profile-learner', 'behind', 'ingest.pos.v1', 0, 1, 'test'), ('profile', 'behind', 'ingest.pos.v1', 0, 0, 'test')
    RETURNING 1
"""


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


async def remembered(profile: RunningProfile) -> list[dict[str, Any]]:
    """All that the learner stored."""
    return [
        *await profile.rows("SELECT learner, number, baskets_count, state FROM learner_states ORDER BY learner"),
        *await profile.rows("SELECT identifier, due_at_seconds, state FROM learner_customers ORDER BY identifier"),
    ]


async def nothing(profile: RunningProfile) -> RunningProfile:
    return profile


async def restarted(profile: RunningProfile) -> RunningProfile:
    return profile.restarted_learner()


async def restarted_forgetful(profile: RunningProfile) -> RunningProfile:
    """Nobody fits into memory: everybody is read again for every chunk."""
    return profile.restarted_learner(chunk_baskets=3, customers_kept=1)


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


async def put_off(profile: RunningProfile) -> RunningProfile:
    """Folders are behind: the learner waits, and what it remembers is there when it goes on."""
    held = vars(profile.learning)["_memory"]
    await profile.rows(BEHIND)
    with pytest.raises(FacetsBehind):
        async with profile.parts.transactions.begin() as tx:
            await profile.learning.reached(tx, PostgresProfileStore(tx), at(DAYS + 5))
    await profile.rows("DELETE FROM offsets WHERE incarnation = 'behind' RETURNING 1")
    assert vars(profile.learning)["_memory"] is held is not None
    return profile


@pytest.mark.parametrize("between", [restarted, restarted_forgetful, rolled_back, put_off])
async def test_restarts_rollbacks_and_the_size_of_memory_change_no_model(
    database: Database, other_database: Database, between: Between
) -> None:
    events = shopping(1)
    found = []
    for where, what in ((database, nothing), (other_database, between)):
        async with running_profile(where, learning_interval_seconds=86_400) as profile:
            found.append((await played(profile, events, what), await remembered(profile)))
    assert found[0] == found[1]
    assert [row["number"] for row in found[0][0]] == [DAYS] * 2


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


async def test_what_is_remembered_is_what_the_facets_hold(database: Database) -> None:
    events = shopping(6)
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        await played(profile, events, nothing)
        await profile.tick(a_tick(DAYS + 2))
        [needs] = await profile.rows("SELECT state FROM learner_states WHERE learner = 'needs'")
        population = Learner.decode(needs["state"]).population
        stored = {row["identifier"]: row["state"] for row in await profile.rows("SELECT * FROM learner_customers")}
        facets = await profile.facets()
        assert stored.keys() == {row["identifier"] for row in facets}
        for row in facets:
            history = Shopper.decode(stored[row["identifier"]]).history(population.state, VisitKey(1 << 40, 0))
            assert state_in(history, population) == ranking_state_of_rows(read_rows(row["state"]))


async def test_who_was_known_before_the_learner_kept_customers_is_read_from_the_facet_once(database: Database) -> None:
    events = shopping(7)
    before = [event for event in events if event.occurred_at < at(DAYS - 1)]
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        await profile.take([*a_catalogue(), *before])
        await profile.rows("DELETE FROM learning_queue RETURNING 1")
        await profile.take([event for event in events if event.occurred_at >= at(DAYS - 1)])
        await profile.tick(a_tick(DAYS + 1))
        stored = {row["identifier"]: row["state"] for row in await profile.rows("SELECT * FROM learner_customers")}
        [needs] = await profile.rows("SELECT state FROM learner_states WHERE learner = 'needs'")
        population, facets = Learner.decode(needs["state"]).population, await profile.facets()
        known = [row for row in facets if row["identifier"] in stored]
        assert len(known) > 5
        for row in known:
            history = Shopper.decode(stored[row["identifier"]]).history(population.state, VisitKey(1 << 40, 0))
            assert state_in(history, population) == ranking_state_of_rows(read_rows(row["state"]))


async def test_a_memory_of_an_earlier_release_is_taken_over_and_forgotten_like_any_other(database: Database) -> None:
    async with running_profile(database, learning_interval_seconds=86_400) as profile:
        standing = {"last_trip_at_seconds": int(at(1).timestamp()), "visits": 4, "interval_days": 6.5}
        standing |= {"weekly_cents": 4200, "weekly_visits": 1.1, "trend_ratio": 0.9}
        earlier = {
            "format": 1, "models": ReturnChance().to_json()["models"], "probes": [], "examples": [],
            "standings": {"loyalty_card:gone": standing, "loyalty_card:here": standing}, "trips": {},
        }  # fmt: skip
        weights = {**earlier, "standings": {}}
        needs = Learner()
        parts = {kind: [0, *_earlier_arrays(needs, model)] for model, kind in enumerate(needs.needs.kinds)}
        packed = compress(msgspec.msgpack.encode([1, parts, PopulationState().encode(), -1]))
        for learner, state in (
            ("needs", packed),
            ("return-chance", compress(msgspec.json.encode(earlier))),
            ("return-weights", compress(msgspec.json.encode(weights))),
        ):
            await profile.rows(
                "INSERT INTO learner_states VALUES (:learner, 3, :until, 9, :state) RETURNING 1",
                learner=learner, until=at(1), state=state,
            )  # fmt: skip
        async with profile.parts.transactions.begin() as tx:
            assert await unlearn(PostgresProfileStore(tx), {"loyalty_card:gone"}) == 1
        [left] = await profile.rows("SELECT identifier, state FROM learner_customers")
        assert left["identifier"] == "loyalty_card:here"
        assert [one.visits for one in Shopper.decode(left["state"]).waiting] == [4]
        assert {row["number"] for row in await profile.rows("SELECT number FROM learner_states")} == {4}
        await profile.take([*a_catalogue(), a_sale("r1", card(1), day=20)])
        await profile.tick(a_tick(21.5))
        assert await _learned_examples(profile) == (5, 1)  # the probe at the trip itself, fourteen days later
        await profile.take([a_sale("r2", card(2), day=26)])
        await profile.tick(a_tick(27.5))
        assert await _learned_examples(profile) == (6, 2)  # the one a week later, of who stays away


async def _learned_examples(profile: RunningProfile) -> tuple[int, int]:
    """The number of the return model, and how many examples its shorter horizon has learned."""
    [returns] = await profile.rows("SELECT number, state FROM learner_states WHERE learner = 'return-weights'")
    return returns["number"], msgspec.json.decode(decompress(returns["state"]))["models"]["14"]["steps"]


def _earlier_arrays(needs: Learner, model: int) -> list[bytes]:
    learned = needs.needs
    cells, squares = learned.cells.reshape(2, -1)[model], learned.cell_squares.reshape(2, -1)[model]
    return [array.tobytes() for array in (learned.knots[model], cells, learned.knot_squares[model], squares)]
