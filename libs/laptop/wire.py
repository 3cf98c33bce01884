"""CloudEvents as a caller outside the system writes them, and their plain entry in the journal. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from libs.common.contracts import format_moment
from libs.laptop.journal import Sent


def cloud_event(kind: str, event_id: str, source: str, at: datetime, content: Mapping[str, Any]) -> dict[str, Any]:
    """A CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "time": format_moment(at),
        "datacontenttype": "application/json",
        "data": content,
    }


def entry(event: Mapping[str, Any]) -> Sent:
    """The journal's entry for an event that changes no customer's facet and sells nothing."""
    return Sent(event["source"], event["id"], event["type"])
