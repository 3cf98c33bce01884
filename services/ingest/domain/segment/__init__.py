"""Segment's calls as our events: what its SDKs, and our own tracker, send. Pure; called by the Segment door.

Nothing is refused here. A call that no event fits becomes one of a type that nobody knows, and a member that cannot be
read stays as it came: admission then refuses the event with the place and the reason, and keeps it.
"""

from services.ingest.domain.segment.calls import Ids, Request, read_request, translate

__all__ = ["Ids", "Request", "read_request", "translate"]
