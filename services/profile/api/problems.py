"""What the OpenAPI document says of problems."""

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))


class Problem(BaseModel):
    """RFC 9457; `type` ends in a stable slug."""

    type: str
    title: str
    status: int
    detail: str


def problem(description: str) -> dict[str, Any]:
    """One entry of a route's `responses`."""
    return {"model": Problem, "description": description}
