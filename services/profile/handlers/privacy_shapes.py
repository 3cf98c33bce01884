"""The shapes of answers about erasures."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime

from services.profile.handlers.shapes import View


class ErasureState(StrEnum):
    """Whether every service has answered."""

    OPEN = "open"
    COMPLETE = "complete"


class RemovedView(View):
    """What one service removed, by kind and count. It vouches by being the only one that may write so: nothing is signed."""

    service: str
    removed: Mapping[str, int]
    answered_at: AwareDatetime


class ErasureView(View):
    """How far an erasure is. It names nobody but who asked."""

    erasure_id: str
    erased_at: AwareDatetime
    """Events up to then have no effect any more, whenever they come."""
    requested_at: AwareDatetime
    requested_by: str | None
    """The id of the key that asked; null where another service's record or a time before this was noted is all there is."""
    requested_roles: tuple[str, ...] | None
    """In which that key may look at customers."""
    state: ErasureState
    waiting_for: tuple[str, ...]
    receipts: tuple[RemovedView, ...]
