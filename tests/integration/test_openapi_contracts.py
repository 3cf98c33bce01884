"""Every endpoint of every service answers only as its OpenAPI document says, whatever it is sent: schemathesis asks."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

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
from libs.common.http.credentials import new_key, write_credentials
from libs.common.service import migrate_service
from tests.integration.ingest import running as ingest_running
from tests.support import inventory_running, offers_running, profile_running
from tests.support.brokers import EMBEDDED, Broker, running_broker
from tests.support.http_serving import serving
from tests.support.poslog_documents import FOLDER
from tests.support.postgres import Database

SCOPES = frozenset(
    {
        *("events:write", "web:write", "play", "quarantine:read", "quarantine:write", "clocks:read"),
        *("voucher:request", "voucher:redeem", "campaigns:write"),
        *("customers:read", "inventory:read", "inventory:ack"),
    }
)
EXAMPLES = 10
SEED = 20260301
PATIENCE_SECONDS = 20.0
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
XML = st.sampled_from([path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))]) | st.binary(max_size=200)
schemathesis.openapi.media_type("application/xml", XML, aliases=["text/xml"])


async def _ingest(database: Database, broker: Broker, folder: Path) -> FastAPI:
    settings = ingest_running.settings_for(database, broker, folder)
    await migrate_service("ingest", settings)
    ingest = services.ingest.bootstrap.assemble(settings)
    return services.ingest.app.create_app(ingest)


async def _profile(database: Database, _broker: Broker, folder: Path) -> FastAPI:
    settings = profile_running.settings_for(database, credentials_file=folder / "credentials.json")
    await profile_running.migrated(settings)
    return services.profile.app.create_app(services.profile.bootstrap.assemble(settings, "api"))


async def _offers(database: Database, _broker: Broker, folder: Path) -> FastAPI:
    await offers_running.tell_world(database)
    settings = offers_running.settings_of(database, folder / "credentials.json")
    parts = services.offers.bootstrap.assemble(settings, "api")
    return services.offers.app.create_app(services.offers.bootstrap.door_of(parts, offers_running.CODES))


async def _inventory(database: Database, _broker: Broker, folder: Path) -> FastAPI:
    settings = inventory_running.settings_for(database, credentials_file=folder / "credentials.json")
    await inventory_running.migrated(settings)
    return services.inventory.app.create_app(services.inventory.bootstrap.assemble(settings, "api"))


APPS: Mapping[str, Callable[[Database, Broker, Path], Awaitable[FastAPI]]] = {
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
    with serving(lambda: APPS[service](database, embedded_broker, tmp_path)) as address:
        operations = list(schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations())
        asked = [_ask(found.ok(), address, key) for found in operations if isinstance(found, Ok)]
    assert len(asked) == len(operations), "an operation that is not described as OpenAPI wants it"
    assert all(asked)


def _ask(operation: APIOperation[Any, Any, Any, Any], address: str, key: str) -> int:
    """Send what fits the document and what does not; returns how many answers were looked at."""
    checks = cast("list[CheckFunction]", [check for check in CHECKS.get_all() if check.__name__ in CHECKED])
    asked = 0

    def ask(mode: GenerationMode) -> None:
        @seed(SEED)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def each(case: Case[Any]) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(address, headers={"X-Api-Key": key}, timeout=PATIENCE_SECONDS)
            case.validate_response(answer, checks=checks)

        each()

    ask(GenerationMode.POSITIVE)
    with suppress(Unsatisfiable):  # without parameters and body there is nothing to get wrong
        ask(GenerationMode.NEGATIVE)
    return asked
