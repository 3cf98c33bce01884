"""Judge (pure), publish with awaited acknowledgement, keep what is invalid: what every door does with its events."""

from services.ingest.handlers.accepting import FrontDoor
from services.ingest.handlers.mending import Mender
from services.ingest.handlers.protecting import Protection
from services.ingest.handlers.quarantining import Quarantine
from services.ingest.handlers.results import EventResult, KeyHolder, as_json
from services.ingest.handlers.sealed_events import SealedEvents
from services.ingest.handlers.sealing import PersonKeyGone, PersonKeyUnavailable, Sealing
from services.ingest.handlers.timekeeping import Timekeeping
from services.ingest.handlers.upkeep import Upkeep

__all__ = [
    "EventResult",
    "FrontDoor",
    "KeyHolder",
    "Mender",
    "PersonKeyGone",
    "PersonKeyUnavailable",
    "Protection",
    "Quarantine",
    "SealedEvents",
    "Sealing",
    "Timekeeping",
    "Upkeep",
    "as_json",
]
