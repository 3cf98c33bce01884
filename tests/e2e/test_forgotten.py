"""A person is forgotten by the whole system: whatever they left is readable nowhere, and nothing brings it back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from libs.common.ids import derived_id
from libs.common.sealing import KeyEncryptionKey
from libs.common.service import migrate_service
from libs.common.streaming import run_until_stopped
from libs.laptop.launch import DEMO_CAMPAIGNS
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System
from services.profile.bootstrap import assemble, worker_of
from services.profile.settings import Settings
from tests.support.canaries import found_in
from tests.support.one_life import Life, eventually
from tests.support.secrets import SECRET_FILE
from tests.support.whereabouts import Copy, content_of, copy_of, figures_of, files_with, records_of, tables_with

pytestmark = pytest.mark.e2e
HANDLES = 4
MAY_HOLD_PSEUDONYMS = {"profile.suppressions"}
MAY_HOLD_CUSTOMER_IDS = {
    *("profile.suppressions", "profile.erasures", "profile.customers", "profile.identity_changes"),
    *("offers.suppressions", "profile.audit"),
}
"""Looks are kept for ever, under the customer's id alone (docs/adr/0032)."""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[System]:
    system = System(StateFolder(folder), campaigns=DEMO_CAMPAIGNS)
    with system.state.locked():
        system.state.write_run(await system.start())
        try:
            yield system
        finally:
            await system.stop()


async def live(life: Life) -> dict[str, Any]:
    """Everything that a person can leave behind, at every door; returns their profile."""
    statuses = []
    told = list(life.events())
    for first in range(0, len(told), 20):
        statuses += await life.send([event for event, _ in told[first : first + 20]])
    assert statuses == [fate for _, fate in told]
    called = await life.ask("ingest", "POST", "/v1/batch", {"batch": life.calls()})
    assert called.status_code == 200, called.text
    for document, fate in life.documents():
        answer = (await life.ask("ingest", "POST", "/v1/poslog", document)).json()
        assert [event["status"] for one in answer["transactions"] for event in one["events"]] == [fate], answer
    refused = await life.checkout("refused", terminal_name=f"canary{life.mark}terminal")
    assert refused.status_code == 422
    sales = [life.sale(f"{life.mark}-{n}") for n in range(3)]
    await life.send([*life.master_data(), *sales, life.link(), life.consent(granted=True)])

    async def personal() -> int:
        return await life.tier(f"{life.mark}-{os.urandom(4).hex()}")

    await eventually(personal, lambda tier: tier == 0)
    view = await eventually(
        life.customer, lambda answer: answer.status_code == 200 and len(answer.json()["identifiers"]) == HANDLES
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
    assert found_in(whole.content, life.texts) == life.texts
    assert found_in(page.content, life.texts) == life.texts
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
    assert removed["ingest"]["person_keys"] == HANDLES - 1  # nothing is sealed under the e-mail address
    assert removed["ingest"]["quarantined_events"] > 20
    assert removed["offers"]["decisions"] > 0  # its view may be gone already: the tombstone came first
    assert removed["profile"]["facets"] == HANDLES


async def readable_nowhere(life: Life, customer_id: str, folder: Path) -> None:
    """Tables, topics, logs, files, exports, checkouts."""
    system = life.system
    assert (await life.ask("profile", "GET", f"/v1/customers/{customer_id}/export")).status_code == 404
    assert await tables_with(system, life.canaries) == {}
    assert set(await tables_with(system, [key.partition(":")[2] for key in life.pseudonyms])) <= MAY_HOLD_PSEUDONYMS
    own_ids = [derived_id("customer", key) for key in life.pseudonyms]
    assert set(await tables_with(system, own_ids)) <= MAY_HOLD_CUSTOMER_IDS
    raw = content_of(await records_of(system))
    assert b"sealed:v1:" in raw
    assert found_in(raw, life.canaries) == []
    assert found_in(await figures_of(system), life.canaries) == []
    assert await life.tier(f"{life.mark}-after") == 1
    assert files_with(folder, life.canaries) == []


def unreadable(before: Copy, after: Copy, life: Life) -> None:
    """A backup from before opens with the keys from before, and with those that are left it does not; nor does what is there now."""
    kek = KeyEncryptionKey.read(life.system.keys.key_encryption_key, "KEY_ENCRYPTION_KEY")
    assert found_in(before.content, life.canaries) == []
    could = b"\0".join(before.readable_with(before.keys, kek))
    assert found_in(could, life.texts) == life.texts
    assert after.keys.keys().isdisjoint(life.pseudonyms)
    for copy in (before, after):
        assert found_in(b"\0".join(copy.readable_with(after.keys, kek)), life.canaries) == []


async def test_a_forgotten_person_is_readable_nowhere_and_nothing_brings_them_back(tmp_path: Path) -> None:
    async with running(tmp_path / "usual") as system:
        life, other = Life(system), Life(system)
        other.mark = f"{life.mark}other"
        customer_id = str((await live(life))["customer_id"])
        export, before = await exported(life, customer_id), await copy_of(system)
        await forgotten(life, customer_id)
        await readable_nowhere(life, customer_id, tmp_path / "usual")
        unreadable(before, await copy_of(system), life)
        await life.send([{**life.sale(f"{life.mark}-late"), "time": export["made_at"]}])
        await other.send([other.sale(f"{other.mark}-1")])
        await eventually(other.customer, lambda answer: answer.status_code == 200)
        assert (await life.customer()).status_code == 404
        assert set(await rebuilt(system, life)) <= MAY_HOLD_PSEUDONYMS
