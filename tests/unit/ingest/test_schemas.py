"""`GET /v1/schemas`: what anybody may ask of the types that come in."""

from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry

from docs.examples import EXAMPLES
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from services.ingest.api.schemas import INCOMING, schemas_router

OLD, NEW = "usual.feedback.survey_answered.v1", "usual.feedback.survey_answered.v2"


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = create_service_app("test", description="", health=Health(), metrics=CollectorRegistry())
    app.include_router(schemas_router())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://door") as client:
        yield client


@pytest.mark.parametrize("event_type", INCOMING)
async def test_a_schema_is_found_by_type_or_by_name_and_version_and_its_example_fits(
    client: AsyncClient, event_type: str
) -> None:
    name, _, version = event_type.rpartition(".v")
    schema = (await client.get(f"/v1/schemas/{event_type}")).json()
    assert schema["$id"] == f"urn:the-usual:schema:{event_type}"
    for spelling in (version, f"v{version}"):
        assert (await client.get(f"/v1/schemas/{name}/{spelling}")).json() == schema
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(EXAMPLES[event_type])
    assert not Draft202012Validator(schema).is_valid({})


@pytest.mark.parametrize(
    "path", ["usual.pos.sale/2", "usual.pos.sale/vv1", "usual.pos.sale", "usual.profile.snapshot/1", "nonsense/1"]
)
async def test_what_does_not_come_in_has_no_schema(client: AsyncClient, path: str) -> None:
    answer = await client.get(f"/v1/schemas/{path}")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("unknown-type")


async def test_the_list_says_which_version_is_the_newest(client: AsyncClient) -> None:
    newest = {entry["type"]: entry["newest"] for entry in (await client.get("/v1/schemas")).json()}
    assert set(newest) == set(INCOMING)
    assert (newest[OLD], newest[NEW]) == (False, True)
