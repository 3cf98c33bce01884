"""Workers are killed while a chain is played on real Apache Kafka: the commands are those of an undisturbed play.

Always run: a few kills. `USUAL_INVENTORY_KILLS=20` runs more of them over more days.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from libs.common.contracts import TOPICS
from libs.common.contracts.inventory import Reorder, Reroute
from libs.common.streaming import Producer, ensure_topics
from libs.laptop.embedded_postgres import EmbeddedPostgres
from services.inventory.bootstrap import assemble
from services.inventory.settings import Settings
from services.inventory.simulate.facts import Facts
from services.inventory.simulate.playing import play
from services.inventory.simulate.shelves import Scene, Tally
from services.inventory.simulate.world import settings_for
from tests.support.brokers import real_kafka
from tests.support.inventory_bridged import bridged, words
from tests.support.inventory_crew import a_crew
from tests.support.inventory_running import RunningInventory, migrated
from tests.support.inventory_stream import Streamed
from tests.support.postgres import Database
from tests.support.small_chain import small_chain

KILLS = int(os.environ.get("USUAL_INVENTORY_KILLS", "4"))  # noqa: TID251 - the test run's own
DAYS = max(KILLS, 4)
LONGEST_SECONDS = 3.0

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.timeout(600 + 60 * KILLS)]


async def under_kills(scene: Scene, settings: Settings, folder: Path) -> tuple[Tally, Streamed, int]:
    parts, producer = assemble(settings, "worker"), Producer(settings.stream("test"))
    told = Streamed(settings, RunningInventory(parts), Facts(scene.world), producer, repeats=True)
    try:
        with a_crew(settings, folder) as crew:
            reaping = asyncio.create_task(crew.reap(Random(5), KILLS, longest_seconds=LONGEST_SECONDS))
            await told.begin()
            tally = await play(scene, told.answer())
            reaping.cancel()
            await asyncio.wait([reaping])
            assert reaping.cancelled() or reaping.exception() is None
            return tally, told, crew.kills
    finally:
        await producer.stop()
        await parts.engine.dispose()


async def test_whoever_is_killed_the_commands_are_those_of_an_undisturbed_play(
    database: Database, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    scene = small_chain(days=DAYS)
    tally, given = await bridged(scene, postgres, f"{database.name}_bridge")
    kafka = real_kafka(tmp_path / "kafka", settings={"group.min.session.timeout.ms": "1000"})
    await kafka.start()
    try:
        settings = settings_for(scene.world, database.url("inventory"), reroute=True).model_copy(
            update={"kafka_bootstrap": kafka.bootstrap, "kafka_idempotence": kafka.idempotence, "partitions_cap": 4}
        )
        await migrated(settings)
        await ensure_topics(
            settings.stream("test"), [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS]
        )
        under, told, kills = await under_kills(scene, settings, tmp_path)
    finally:
        await kafka.stop()
    assert kills == KILLS, f"the play was over after {kills} kills"
    assert words(told.commands) == words(given), "lost, doubled or different"
    assert under == tally
    assert by_item(told) == by_item_of(given), "the topic has an item's commands in another order"


def by_item(told: Streamed) -> dict[str, list[tuple[str, int]]]:
    """Each item's commands in the order of the topic; what a killed relay sent again stands where it came first."""
    items = {(one.command_id, one.version): one.item_id for one in told.commands}
    found: dict[str, list[tuple[str, int]]] = {}
    for key in dict.fromkeys(told.told):
        found.setdefault(items[key], []).append(key)
    return found


def by_item_of(given: Sequence[Reorder | Reroute]) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for one in given:
        found.setdefault(one.item_id, []).append((one.command_id, one.version))
    return found
