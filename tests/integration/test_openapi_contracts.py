"""Every endpoint of every service answers only as its OpenAPI document says, whatever it is sent: schemathesis asks."""

import copy
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, cast

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

import services.ingest.app
import services.ingest.bootstrap
import services.inventory.app
import services.inventory.bootstrap
import services.offers.app
import services.offers.bootstrap
import services.profile.app
import services.profile.bootstrap
from docs.described import SERVICES
from libs.common.contracts.catalog import CatalogItem
from libs.common.http.credentials import new_key, write_credentials
from libs.common.service import migrate_service
from services.inventory.handlers.assortment.searching import take_assortment
from services.inventory.store import store_of
from services.offers.store.revocation import PostgresRevocations
from services.profile.handlers.erasing import Erasing
from services.profile.store import PostgresProfileStore
from tests.integration.ingest import running as ingest_running
from tests.integration.inventory.test_edi import lab as edi_lab
from tests.integration.inventory.test_reviews import a_fortnight
from tests.integration.inventory.test_webhooks import lab as webhook_lab
from tests.support import inventory_running, offers_facts, offers_running, profile_events, profile_running
from tests.support.brokers import EMBEDDED, Broker, running_broker
from tests.support.http_serving import serving
from tests.support.poslog_documents import FOLDER
from tests.support.postgres import Database

SCOPES = frozenset(
    {
        *("events:write", "web:write", "play", "quarantine:read", "quarantine:write", "clocks:read"),
        *("voucher:request", "voucher:redeem", "voucher:explain", "vouchers:revoke", "voucher-keys:write"),
        *("batches:write", "batches:codes", "vouchers:offline"),
        *("campaigns:write", "ledger:read", "brakes:write", "fraud:read", "voucher:confirm"),
        *("customers:read", "views:read", "segments:read", "segments:write", "privacy:read", "privacy:write"),
        *("inventory:read", "inventory:write", "inventory:ack", "inventory:approve"),
        *("webhooks:write", "edi:exchange", "edi:partners"),
    }
)
Operation = APIOperation[Any, Any, Any, Any]
EXAMPLES = 10
SEED = 20260301
PATIENCE_SECONDS = 60.0
CHECKED = frozenset(
    {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "ignored_auth",
    }
)
NEVER_GRANTED = frozenset(
    {
        # These need a story with a beginning, which the services' own tests tell.
        "patch /v1/quarantine/{quarantine_id}",
        "post /v1/quarantine/{quarantine_id}/resubmit",
        "get /v1/customers",
        "get /v1/customers/{customer_id}/export",
        "post /v1/redemptions/{redemption_id}/rollback",
        "post /v1/reconciliations",
        "post /v1/batches",
        "post /v1/batches/{batch_id}/codes",
        "post /v1/holds/{hold_id}/extension",
        "post /v1/holds/{hold_id}/release",
        "post /v1/return-quotes",
        "put /v1/campaigns/{campaign_id}",
        "post /v1/acknowledgements",
        "post /v1/commands/{command_id}/decisions",
        "post /v1/assortment/trials/decisions",
        "put /v1/policies",
        "put /v1/shelves",
        "put /v1/webhooks/{webhook_id}",
        "post /v1/webhooks/{webhook_id}/ping",
        "post /v1/webhooks/{webhook_id}/replay",
        "put /v1/edi/partners/{partner_id}",
        "post /v1/edi/partners/{partner_id}/inbox",
        "get /v1/edi/interchanges/{interchange_id}",
        "post /v1/edi/interchanges/{interchange_id}/fetched",
        # A generated body is seldom one that these can grant: their own tests bring whole ones.
        "post /v1/brakes",
        "get /v1/brakes/{brake_id}",
        "post /v1/brakes/{brake_id}/release",
        "post /v1/holds",
        "post /v1/qualifications",
        "post /v1/redemptions",
        "post /v1/redemption-sets",
        "put /v1/stacking-rules",
        "put /v1/voucher-keys/{key_id}",
        "put /v1/segments/{segment_id}",
    }
)
ENDLESS = frozenset({"get /v1/commands/stream"})
"""Answers that never end: whoever reads them to the end waits for ever. Tests of their own read them."""
XML = st.sampled_from([path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))]) | st.binary(max_size=200)
schemathesis.openapi.media_type("application/xml", XML, aliases=["text/xml"])
INTERCHANGES = st.sampled_from([path.read_bytes() for path in sorted(Path("tests/golden/edi").iterdir())]) | st.binary(
    max_size=200
)
schemathesis.openapi.media_type("application/EDIFACT", INTERCHANGES, aliases=["application/EDI-X12"])


Known = dict[str, Mapping[str, Any]]
"""By path, or by method and path: what names something that is there, by where it stands (`path_parameters`, `query`, `body`)."""


async def _ingest(database: Database, broker: Broker, folder: Path, known: Known) -> FastAPI:
    settings = ingest_running.settings_for(database, broker, folder)
    await migrate_service("ingest", settings)
    known["/v1/schemas/{event_type}"] = {"path_parameters": {"event_type": "usual.pos.sale.v1"}}
    known["/v1/schemas/{name}/{version}"] = {"path_parameters": {"name": "usual.pos.sale", "version": "v1"}}
    ingest = services.ingest.bootstrap.assemble(settings)
    for path, raw in (("", b"{}"), ("/discard", b"[]")):
        (told,) = await ingest.door.accept_events([raw], new_key("sender", SCOPES)[1])
        known[f"/v1/quarantine/{{quarantine_id}}{path}"] = {"path_parameters": {"quarantine_id": told.quarantine_id}}
    return services.ingest.app.create_app(ingest)


async def _profile(database: Database, _broker: Broker, folder: Path, known: Known) -> FastAPI:
    async with profile_running.running_profile(database) as profile:
        await profile.take([*profile_events.a_catalogue(), *profile_events.a_history(SEED)])
        await profile.fold_all()
        customer_id, *_, leaving, gone = sorted(await profile.snapshots())
        parts = profile.parts
        erased = await Erasing(parts.transactions, PostgresProfileStore, parts.clock, play_mode=True).erase(gone)
    known["/v1/customers/{customer_id}/erasure"] = {"path_parameters": {"customer_id": leaving}}
    known["/v1/erasures/{erasure_id}"] = {"path_parameters": {"erasure_id": erased.erasure_id}}
    for path in ("", "/next-basket", "/health"):
        known[f"/v1/customers/{{customer_id}}{path}"] = {"path_parameters": {"customer_id": customer_id}}
    known["/v1/segments/{segment_id}"] = {"path_parameters": {"segment_id": "new"}}
    settings = profile_running.settings_for(database, credentials_file=folder / "credentials.json")
    return services.profile.app.create_app(services.profile.bootstrap.assemble(settings, "api"))


async def _offers(database: Database, _broker: Broker, folder: Path, known: Known) -> FastAPI:
    await offers_running.tell_world(database)
    async with offers_running.open_till(database, folder) as till:
        await till.checkout("answered")
        batch = {"batch_id": "spring", "campaign_id": "usual", "last_day": "2026-03-31", "time_zone": "Europe/Berlin"}
        assert (await till.client.post("/v1/batches", json=batch | {"codes": 3})).status_code == 202
        lease = {"lease_id": "lane", "store_id": "store-1", "terminal_id": "1"}
        assert (await till.client.post("/v1/leases", json=lease)).status_code == 200
    for path in ("", "/cancel", "/codes"):
        known[f"/v1/batches/{{batch_id}}{path}"] = {"path_parameters": {"batch_id": "spring"}}
    known["/v1/checkouts/{checkout_id}/receipt"] = {
        "path_parameters": {"checkout_id": "answered"},
        "headers": {"Accept": "image/png"},
    }
    known["/v1/checkouts/{checkout_id}/printed"] = {"path_parameters": {"checkout_id": "answered"}}
    for path in (
        *(f"campaigns/{{campaign_id}}{part}" for part in ("", "/budget")),
        *(f"ledger/{{campaign_id}}{part}" for part in ("", "/transfers", "/transfers.csv")),
    ):
        known[f"/v1/{path}"] = {"path_parameters": {"campaign_id": offers_facts.a_campaign().campaign_id}}
    known["/v1/leases/{lease_id}/end"] = {"path_parameters": {"lease_id": "lane"}}
    known["post /v1/revocations"] = {"body": {"revocation_id": "again", "batch_id": "spring", "reason": "leaked"}}
    known["/v1/revocations/{revocation_id}"] = {"path_parameters": {"revocation_id": "leak"}}
    for path in ("", "/withdrawal"):
        known[f"/v1/voucher-keys/{{key_id}}{path}"] = {"path_parameters": {"key_id": 1}}
    settings = offers_running.settings_of(database, folder / "credentials.json")
    parts = services.offers.bootstrap.assemble(settings, "api")
    async with parts.transactions.begin() as tx:
        await PostgresRevocations(tx).put(offers_facts.a_revocation("leak"))
    await parts.engine.dispose()
    return services.offers.app.create_app(services.offers.bootstrap.door_of(parts, offers_running.CODES))


async def _inventory(database: Database, _broker: Broker, folder: Path, known: Known) -> FastAPI:
    async with inventory_running.running_inventory(database) as inventory:
        await inventory.take(a_fortnight(items=4))
        await inventory.review(4.2)
        (command, *_) = await inventory.commands_sent()
        async with inventory.parts.transactions.begin() as tx:
            catalogue = [event for event in a_fortnight(items=4) if isinstance(event.data, CatalogItem)]
            await take_assortment(store_of(tx).assortment, catalogue)
    for path in ("", "/history"):
        known[f"/v1/commands/{{command_id}}{path}"] = {"path_parameters": {"command_id": command.command_id}}
    await _subscribe(database, folder, known)
    known["/v1/forecasts"] = {"query": {"item_id": command.item_id}}
    known["/v1/assortment/introductions"] = {"query": {"store_id": command.store_id}}
    known["/v1/assortment/placements"] = {"query": {"item_id": command.item_id}}
    (folder / "webhook_key").write_text("k" * 43)
    settings = inventory_running.settings_for(
        database, credentials_file=folder / "credentials.json", webhook_key_file=folder / "webhook_key"
    )
    return services.inventory.app.create_app(services.inventory.bootstrap.assemble(settings, "api"))


async def _subscribe(database: Database, folder: Path, known: Known) -> None:
    """A webhook to be deleted, another for all else, and a trading partner."""
    labs = folder / "labs"
    labs.mkdir()
    async with webhook_lab(database, labs) as here:
        for name in ("deleted", "kept"):
            await here.subscribe(name)
    known["/v1/webhooks/{webhook_id}"] = {"path_parameters": {"webhook_id": "deleted"}}
    for path in ("deliveries", "enable", "secrets"):
        known[f"/v1/webhooks/{{webhook_id}}/{path}"] = {"path_parameters": {"webhook_id": "kept"}}
    async with edi_lab(database, labs):
        for path in ("", "/interchanges", "/inbox"):
            known[f"/v1/edi/partners/{{partner_id}}{path}"] = {"path_parameters": {"partner_id": "molkerei"}}


APPS: Mapping[str, Callable[[Database, Broker, Path, Known], Awaitable[FastAPI]]] = {
    "ingest": _ingest,
    "profile": _profile,
    "offers": _offers,
    "inventory": _inventory,
}


@pytest.fixture(scope="module")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(EMBEDDED, tmp_path_factory.mktemp("broker")) as started:
        yield started


def test_every_service_is_asked() -> None:
    assert set(APPS) == set(SERVICES)


@pytest.mark.parametrize("service", APPS)
def test_every_endpoint_answers_only_what_its_document_says(
    service: str, database: Database, embedded_broker: Broker, tmp_path: Path
) -> None:
    key, credential = new_key("all", SCOPES)
    write_credentials(tmp_path / "credentials.json", [credential])
    known: Known = {}
    with serving(lambda: APPS[service](database, embedded_broker, tmp_path, known)) as address:
        until_ready(address)
        operations = list(schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations())
        asking = Asking(address, key)
        for found in operations:
            assert isinstance(found, Ok), "an operation that is not described as OpenAPI wants it"
            if f"{found.ok().method} {found.ok().path}" not in ENDLESS:
                asking.ask(found.ok(), known)
    asked, granted = set(asking.answers), {route for route, statuses in asking.answers.items() if min(statuses) < 300}
    assert asked - granted <= NEVER_GRANTED, "a test that only ever hears no says little of an answer"


def until_ready(address: str) -> None:
    """A process that has just begun may say with reason that it has not read all yet."""
    ready = Event()
    for _ in range(int(PATIENCE_SECONDS / 0.1)):
        if httpx.get(f"{address}/readyz").status_code == 200:
            return
        ready.wait(0.1)
    raise TimeoutError("not ready in time")


@dataclass(slots=True)
class Asking:
    """Sends what fits the document and what does not, and looks at each answer."""

    address: str
    key: str
    answers: dict[str, set[int]] = field(default_factory=dict)

    def ask(self, operation: Operation, known: Known) -> None:
        self._send(operation, operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        with suppress(Unsatisfiable):  # without parameters and body there is nothing to get wrong
            self._send(operation, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        for name in (operation.path, f"{operation.method} {operation.path}"):
            if name in known:
                self._send(operation, operation.as_strategy(**copy.deepcopy(known[name])))

    def _send(self, operation: Operation, cases: st.SearchStrategy[Case[Any]]) -> None:
        checks = cast("list[CheckFunction]", [check for check in CHECKS.get_all() if check.__name__ in CHECKED])

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def each(case: Case[Any]) -> None:
            answer = case.call(self.address, headers={"X-Api-Key": self.key}, timeout=PATIENCE_SECONDS)
            self.answers.setdefault(f"{operation.method} {operation.path}", set()).add(answer.status_code)
            case.validate_response(answer, checks=checks)

        each()
