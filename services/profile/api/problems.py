"""How the routes of this service describe what can go wrong; libs/common/http/problems.py says it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class Problem(BaseModel):
    """RFC 9457; `type` ends in a stable slug."""

    type: str
    title: str
    status: int
    detail: str


_MEANINGS: Mapping[int, str] = {
    401: "No valid API key.",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    409: "Others lean on it, or there are too many.",
    412: "Not the newest version was read.",
    422: "The request does not fit its schema, or a rule names what is not there.",
    503: "The database is away or slow; try again.",
}


def problems(*statuses: int, **meanings: str) -> dict[int | str, dict[str, Any]]:
    """The responses of a route; `meanings` (`s404="..."`) say more exactly what some of them mean there."""
    return {
        status: {"model": Problem, "description": meanings.get(f"s{status}", _MEANINGS[status])} for status in statuses
    }
