"""A person is forgotten by the whole system: whatever they left is readable nowhere, and nothing brings it back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from libs.common.service import migrate_service
from libs.common.streaming import run_until_stopped
from libs.laptop.launch import DEMO_CAMPAIGNS
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System
from services.profile.bootstrap import assemble, worker_of
from services.profile.settings import Settings
from tests.support.canaries import found_in
from tests.support.one_life import Life, SealingSystem, eventually, files_with, opened, tables_with
from tests.support.secrets import SECRET_FILE

pytestmark = pytest.mark.e2e
MAY_HOLD_PSEUDONYMS = {"profile.suppressions"}
MAY_HOLD_CUSTOMER_IDS = {
    *("profile.suppressions", "profile.erasures", "profile.customers", "profile.identity_changes"),
    *("offers.suppressions", "profile.audit"),
}
"""Looks are kept for ever, under the customer's id alone (docs/adr/0032)."""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[System]:
    system = SealingSystem(StateFolder(folder), campaigns=DEMO_CAMPAIGNS)
    with system.state.locked():
        system.state.write_run(await system.start())
        try:
            yield system
        finally:
            await system.stop()


async def live(life: Life) -> dict[str, Any]:
    """Everything that a person can leave behind; returns their profile."""
    statuses = []
    told = list(life.events())
    for first in range(0, len(told), 20):
        statuses += await life.send([event for event, _ in told[first : first + 20]])
    assert statuses == [fate for _, fate in told]
    sales = [life.sale(f"{life.mark}-{n}") for n in range(3)]
    await life.send([*life.master_data(), *sales, life.link(), life.consent(granted=True)])

    async def personal() -> int:
        return int((await life.checkout(f"{life.mark}-{os.urandom(4).hex()}"))["tier"])

    await eventually(personal, lambda tier: tier == 0)
    view = await eventually(
        life.customer, lambda answer: answer.status_code == 200 and len(answer.json()["identifiers"]) == 2
    )
    return dict(view.json())


async def rebuilt(system: System, life: Life) -> list[str]:
    """The customer ids that a worker with an empty schema finds in the same topics."""
    await system.children["profile-worker"].stop()
    await system.postgres.make_database("rebuilt", template=None)
    settings = Settings(
        database_url=SecretStr(system.postgres.url("profile", database="rebuilt")),
        kafka_bootstrap=system.broker.bootstrap,
        kafka_idempotence=system.broker.idempotence,
        pseudonym_key_file=SECRET_FILE,
        http_port=0,
    )
    await migrate_service("profile", settings)
    stop = asyncio.Event()
    worker = asyncio.create_task(run_until_stopped(worker_of(assemble(settings, "worker")), stop))

    async def others() -> dict[str, list[str]]:
        return await tables_with(system, Life(system, mark=f"{life.mark}other").pseudonyms, "rebuilt")

    try:
        await eventually(others, lambda found: "profile.facets" in found)
    finally:
        stop.set()
        await worker
    return sorted(await tables_with(system, life.pseudonyms, "rebuilt"))


async def exported(life: Life, customer_id: str) -> dict[str, Any]:
    """The export, which must show whatever the person left, as JSON and as a page."""
    whole = await life.ask("profile", "GET", f"/v1/customers/{customer_id}/export")
    page = await life.ask("profile", "GET", f"/v1/customers/{customer_id}/export", accept="text/html")
    readable = [text for text in life.texts if not text.endswith("note")]
    assert found_in(whole.content, readable) == readable
    assert found_in(page.content, readable) == readable
    content: dict[str, Any] = whole.json()
    assert content["decisions"]
    assert {word["purpose"] for word in content["consents"]} == {"personal_offers"}
    return content


async def forgotten(life: Life, customer_id: str) -> None:
    """The erasure, answered by all."""
    erasure = await life.ask("profile", "POST", f"/v1/customers/{customer_id}/erasure")
    assert erasure.status_code == 202

    async def state() -> dict[str, Any]:
        return dict((await life.ask("profile", "GET", erasure.headers["location"])).json())

    done = await eventually(state, lambda found: found["state"] == "complete")
    removed = {receipt["service"]: receipt["removed"] for receipt in done["receipts"]}
    assert removed["ingest"]["person_keys"] == 2
    assert removed["ingest"]["quarantined_events"] > 20
    assert removed["offers"]["decisions"] > 0  # its view may be gone already: the tombstone came first
    assert removed["profile"]["facets"] == 2


async def readable_nowhere(life: Life, customer_id: str, folder: Path) -> None:
    """Tables, topics, logs, files, exports, checkouts."""
    system = life.system
    assert (await life.ask("profile", "GET", f"/v1/customers/{customer_id}/export")).status_code == 404
    assert await tables_with(system, life.canaries) == {}
    assert set(await tables_with(system, [key.partition(":")[2] for key in life.pseudonyms])) <= MAY_HOLD_PSEUDONYMS
    assert set(await tables_with(system, [customer_id])) <= MAY_HOLD_CUSTOMER_IDS
    records = await life.records()
    raw = b"\0".join(part for one in records for part in (one.value or b"", *(text for _, text in one.headers)))
    assert found_in(raw, life.canaries) == []
    assert found_in(raw, ["sealed:v1:"])
    assert await opened(life, records) == []
    assert (await life.checkout(f"{life.mark}-after"))["tier"] == 1
    assert files_with(folder, life.canaries) == []


async def test_a_forgotten_person_is_readable_nowhere_and_nothing_brings_them_back(tmp_path: Path) -> None:
    async with running(tmp_path / "usual") as system:
        life, other = Life(system), Life(system)
        other.mark = f"{life.mark}other"
        customer_id = str((await live(life))["customer_id"])
        before = await exported(life, customer_id)
        assert await opened(life, await life.records())
        await forgotten(life, customer_id)
        await readable_nowhere(life, customer_id, tmp_path / "usual")
        await life.send([{**life.sale(f"{life.mark}-late"), "time": before["made_at"]}])
        await other.send([other.sale(f"{other.mark}-1")])
        await eventually(other.customer, lambda answer: answer.status_code == 200)
        assert (await life.customer()).status_code == 404
        assert set(await rebuilt(system, life)) <= MAY_HOLD_PSEUDONYMS
