"""The same chain through the bridge and through broker, worker and PostgreSQL: the same commands, to the last word."""

import asyncio
from dataclasses import replace

import httpx
import msgspec

from libs.common.contracts import TOPICS
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.streaming import Producer, ensure_topics, run_until_stopped
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.bootstrap import assemble, worker_of
from services.inventory.simulate.bridge import Bridge, app_of
from services.inventory.simulate.facts import Facts
from services.inventory.simulate.playing import play
from services.inventory.simulate.shelves import Scene, Tally
from services.inventory.simulate.world import settings_for
from tests.support.brokers import Broker
from tests.support.explained import calculated
from tests.support.inventory_bridged import bridged, words
from tests.support.inventory_running import RunningInventory, migrated
from tests.support.inventory_stream import Streamed
from tests.support.postgres import Database
from tests.support.small_chain import small_chain


async def streamed(scene: Scene, database: Database, broker: Broker) -> tuple[Tally, Streamed]:
    """The same through the topics, with a worker in this process; each batch comes twice."""
    settings = settings_for(scene.world, database.url("inventory"), reroute=True).model_copy(
        update={"kafka_bootstrap": broker.bootstrap, "kafka_idempotence": broker.idempotence, "partitions_cap": 4}
    )
    await migrated(settings)
    topics = [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
    await ensure_topics(settings.stream("test"), topics)
    parts, producer, stop = assemble(settings, "worker"), Producer(settings.stream("test")), asyncio.Event()
    worker = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop))
    told = Streamed(settings, RunningInventory(parts), Facts(scene.world), producer, repeats=True)

    async def story() -> Tally:
        await told.begin()
        return await play(scene, told.answer())

    telling = asyncio.create_task(story())
    await asyncio.wait([telling, worker], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await worker
    await producer.stop()
    await parts.engine.dispose()
    return await telling, told


async def test_a_slice_through_broker_and_database_gives_the_commands_of_the_bridge(
    database: Database, postgres: EmbeddedPostgres, private_broker: Broker
) -> None:
    scene = small_chain(days=6)
    tally, given = await bridged(scene, postgres, f"{database.name}_bridge")
    through_topics, told = await streamed(scene, database, private_broker)
    assert {type(one) for one in given} == {Reorder, Reroute}
    assert words(told.commands) == words(given)
    assert through_topics == tally
    assert tally.rejected == 0


async def test_with_reroute_off_nothing_is_moved(database: Database, postgres: EmbeddedPostgres) -> None:
    tally, given = await bridged(small_chain(days=4), postgres, f"{database.name}_bridge", reroute=False)
    assert {type(one) for one in given} == {Reorder}
    assert (tally.transfer_lines, tally.rejected) == (0, 0)


async def test_orders_go_out_on_the_days_that_the_simulator_takes_them(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    tally, given = await bridged(small_chain(days=9, review=7), postgres, f"{database.name}_bridge")
    assert any(isinstance(one, Reorder) for one in given)
    assert tally.rejected == 0


async def test_a_world_played_twice_gives_the_same_commands(database: Database, postgres: EmbeddedPostgres) -> None:
    scene = small_chain(days=3)
    first, second = [await bridged(scene, postgres, f"{database.name}_bridge") for _ in range(2)]
    assert first == second


async def test_the_figures_in_the_words_of_every_command_of_a_play_come_out(
    database: Database, postgres: EmbeddedPostgres
) -> None:
    _, given = await bridged(small_chain(days=9), postgres, f"{database.name}_bridge")
    said = [calculated(one.explanation) for one in given]
    assert [float(figures["asked"]) for figures in said] == [float(one.quantity) for one in given]
    assert {type(one) for one in given} == {Reorder, Reroute}


async def test_over_http_the_bridge_answers_and_refuses(postgres: EmbeddedPostgres) -> None:
    scene = small_chain(history=3, days=2, stores=2, items=2)
    bridge = Bridge(postgres, tell=lambda _: None)
    transport = httpx.ASGITransport(app=app_of(bridge.answer))
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as simulator:
        early = await simulator.post("/", json={"events": [{"type": "close", "day": 0}]})
        hello = await simulator.post("/", content=msgspec.json.encode({"events": [scene.world]}))
        unknown = await simulator.post("/", json={"events": [{"type": "flood"}]})
        lost = {"type": "lost", "day": 2, "t": 40_000, "store": "s0", "item": "i0", "qty": 2}
        told = await simulator.post("/", json={"events": [lost, {"type": "close", "day": 2}]})
        unasked = {"type": "order_ack", "day": 2, "store": "s0", "item": "i0", "qty": 1, "eta": 5}
        nobody = await simulator.post("/", json={"events": [unasked]})
    await bridge.close()
    await postgres.drop_database("simulated")
    assert (hello.status_code, hello.json(), told.status_code) == (200, {"commands": []}, 200)
    assert set(told.json()) == {"commands"}
    for refused in (early, unknown, nobody):
        assert (refused.status_code, refused.json()["title"]) == (422, "invalid-simulation")
