"""`GET /v1/schemas`: the JSON Schema of each event type that may come in; open to anybody."""

from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from libs.common.contracts import CONTRACTS, TOPIC_OF_TYPE, newest_type
from libs.common.contracts.envelope import SCHEMA_BASE
from libs.common.errors import NotFound

INCOMING = tuple(sorted(name for name, topic in TOPIC_OF_TYPE.items() if topic.owner == "ingest"))


class SchemaEntry(BaseModel):
    """One event type that may come in."""

    model_config = ConfigDict(frozen=True)

    type: str
    topic: str
    description: str
    newest: bool
    """False for an older version: it is still taken, and told to consumers in the newest."""


def schemas_router() -> APIRouter:
    """What an event of each type must look like."""
    router = APIRouter(prefix="/v1/schemas", tags=["schemas"])

    @router.get("", summary="Every event type that may come in")
    async def list_schemas() -> list[SchemaEntry]:
        return [
            SchemaEntry(
                type=name,
                topic=TOPIC_OF_TYPE[name].name,
                description=(CONTRACTS[name].__doc__ or "").strip(),
                newest=newest_type(name) == name,
            )
            for name in INCOMING
        ]

    @router.get("/{event_type}", summary="The JSON Schema of a type's `data`")
    async def schema(event_type: str) -> dict[str, Any]:
        return _schema_of(event_type)

    @router.get("/{name}/{version}", summary="The same, by name and major version: `usual.pos.sale/1` or `/v1`")
    async def schema_of_version(name: str, version: str) -> dict[str, Any]:
        return _schema_of(f"{name}.v{version.removeprefix('v')}")

    return router


@lru_cache(maxsize=len(INCOMING))
def _schema_of(event_type: str) -> dict[str, Any]:
    if event_type not in INCOMING:
        raise NotFound("no such event type comes in", slug="unknown-type")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_BASE + event_type,
        **CONTRACTS[event_type].model_json_schema(),
    }
