"""From the door into the services: an event that comes again, or out of quarantine, has its effect once in each of them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from libs.common.clock import SystemClock
from libs.common.contracts import TOPICS
from libs.common.persistence import Transactions, make_engine
from libs.common.streaming import ensure_topics, run_until_stopped
from services.ingest.handlers import Upkeep
from services.inventory import bootstrap as inventory
from services.profile import bootstrap as profile
from tests.integration.ingest.running import RunningDoor, a_recent_event, new_ids, running_door, settings_for
from tests.support import inventory_running, profile_running
from tests.support.brokers import Broker
from tests.support.postgres import Database
from tests.unit.ingest.examples import LINE

POS = "ingest.pos.v1"
BAD = {"currency": "usd"}
RIGHT = [{"op": "replace", "path": "/data/currency", "value": "USD"}]


@asynccontextmanager
async def workers(database: Database, broker: Broker) -> AsyncIterator[None]:
    """The workers of profile and inventory, migrated and running; a failure of one is a failure of the test."""
    streaming: dict[str, Any] = {"kafka_bootstrap": broker.bootstrap, "kafka_idempotence": broker.idempotence}
    own = profile_running.settings_for(database, play_mode=False, **streaming)
    other = inventory_running.settings_for(database, play_mode=False, **streaming)
    await profile_running.migrated(own)
    await inventory_running.migrated(other)
    await ensure_topics(own.stream("test"), [replace(topic, partitions=min(topic.partitions, 4)) for topic in TOPICS])
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as running:
        running.create_task(run_until_stopped(profile.worker_of(profile.assemble(own, "worker")), stop))
        running.create_task(run_until_stopped(inventory.worker_of(inventory.assemble(other, "worker")), stop))
        try:
            yield
        finally:
            stop.set()


async def figure(database: Database, service: str, sql: str) -> object:
    """What a service's tables say."""
    engine = make_engine(database.url(service), schema=service, application_name="test")
    try:
        async with Transactions(engine, service).begin() as tx:
            return (await tx.connection.execute(text(sql))).scalar()
    finally:
        await engine.dispose()


async def effects(database: Database) -> tuple[object, object]:
    """Cents of the one customer in profile, and thousandths of the one article sold in inventory."""
    cents = await figure(database, "profile", "SELECT sum(amount_cents) FROM facets")
    return cents, await figure(database, "inventory", "SELECT sum(sold_milli) FROM stock")


async def until(wanted: tuple[object, object], database: Database) -> None:
    async with asyncio.timeout(120):
        while await effects(database) != wanted:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.1)


async def mend(door: RunningDoor, quarantine_id: str) -> None:
    headers = {"x-api-key": door.keys["mender"], "content-type": "application/json-patch+json"}
    answer = await door.client.patch(f"/v1/quarantine/{quarantine_id}", content=json.dumps(RIGHT), headers=headers)
    assert answer.status_code == 200, answer.text


async def resubmit(door: RunningDoor, quarantine_id: str) -> dict[str, Any]:
    headers = {"x-api-key": door.keys["mender"]}
    answer = await door.client.post(f"/v1/quarantine/{quarantine_id}/resubmit", headers=headers)
    assert answer.status_code == 202, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_a_mended_event_sent_twice_even_across_restarts_counts_once_in_every_service(
    database: Database, private_broker: Broker, tmp_path: Path
) -> None:
    settings = settings_for(database, private_broker, tmp_path)
    mended, after = new_ids(2)
    async with running_door(settings) as door:
        quarantine_id = (await door.send(a_recent_event(mended, data=BAD))).json()["quarantine_id"]
        await mend(door, quarantine_id)
        async with workers(database, private_broker):
            assert "duplicate" not in await resubmit(door, quarantine_id)
            assert (await resubmit(door, quarantine_id))["duplicate"]
            assert len(await door.records(POS, [mended])) == 1
            await until((199, 1_500), database)
    # The note of the resubmission is lost with the process that had sent it: all that is left are the inboxes.
    await figure(database, "ingest", "UPDATE quarantine SET state = 'waiting' RETURNING 1")
    async with running_door(settings) as door:
        assert "duplicate" not in await resubmit(door, quarantine_id)
        assert len(await door.records(POS, [mended])) == 2
        # Of the same customer, so that it comes after the repeat, and of no sum that the repeat could make up.
        last = {"receipt_id": "r2", "lines": [{**LINE, "quantity": "2", "amount_cents": 100}], "total_cents": 100}
        assert await door.statuses([a_recent_event(after, data=last)]) == ["accepted"]
    async with workers(database, private_broker):
        await until((199 + 100, 1_500 + 2_000), database)


async def test_a_class_is_sent_again_by_one_call_and_what_came_is_forgotten_after_its_time(
    database: Database, broker: Broker, tmp_path: Path
) -> None:
    ids = new_ids(3)
    async with running_door(settings_for(database, broker, tmp_path)) as door:
        for bad in ids:
            await mend(door, (await door.send(a_recent_event(bad, data=BAD))).json()["quarantine_id"])
        await door.send([a_recent_event(bad, data=BAD) for bad in ids])
        ask = {"x-api-key": door.keys["mender"]}
        (counted,) = (await door.client.get("/v1/quarantine/classes", headers=ask)).json()
        assert (counted["slug"], counted["events"], counted["times"]) == ("contract-violation", 3, 6)
        for dry_run, sent in ((True, []), (False, ids)):
            order = {"slug": "contract-violation", "dry_run": dry_run}
            results = (await door.client.post("/v1/quarantine/resubmit", json=order, headers=ask)).json()["results"]
            assert [one["result"]["status"] for one in results] == ["accepted"] * 3
            assert sorted(record.header("ce_id") or "" for record in await door.records(POS, ids)) == sorted(sent)
        narrowed = await door.client.get(
            "/v1/quarantine", params={"state": "resubmitted", "source": "till-1"}, headers=ask
        )
        assert {entry["outcome"] for entry in narrowed.json()["items"]} == {"accepted"}
        await figure(database, "ingest", "UPDATE quarantine SET at = at - interval '29 days' RETURNING 1")
        upkeep = Upkeep(door.ingest.quarantine, door.ingest.door.metrics, SystemClock(), kept=timedelta(days=28))
        assert await upkeep.round() == 0
        assert await door.quarantined() == []
