"""The shapes of an export, and how anything that is held becomes JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct
from pydantic import AwareDatetime

from libs.common.contracts.values import Identifier
from services.profile.handlers.shapes import CustomerView, View


class FacetRecord(View):
    """One identifier: what was counted, and all that its facet holds."""

    identifier: str
    counted: Mapping[str, Any]
    known: Mapping[str, Any]


class ConsentRecord(View):
    """One word on consent, as it was given."""

    identifier: str
    purpose: str
    channel: str
    granted: bool
    basis: str
    evidence: str | None
    occurred_at: AwareDatetime


class EventRecord(View):
    """One event. Texts are opened; null for one that nobody can read any more."""

    id: str
    source: str
    type: str
    occurred_at: AwareDatetime
    received_at: AwareDatetime | None
    data: Mapping[str, Any]


class HeldTopic(View):
    """How far back one topic reaches: older events are gone, and so they are not here."""

    topic: str
    retention_days: int
    held_since: AwareDatetime | None
    """When its oldest record was written; null: it is empty."""
    events_count: int


class Export(View):
    """All that is held of one person. Identifiers are pseudonyms: what they stand for is held nowhere."""

    customer_id: str
    made_at: AwareDatetime
    identifiers: tuple[Identifier, ...]
    profile: CustomerView
    facets: tuple[FacetRecord, ...]
    consents: tuple[ConsentRecord, ...]
    events: tuple[EventRecord, ...]
    events_held: tuple[HeldTopic, ...]
    decisions: tuple[Mapping[str, Any], ...]
    vouchers: tuple[Mapping[str, Any], ...]


def plain(value: Any) -> Any:
    """A value of the domain as JSON: members by name; a mapping whose keys are no texts as a list of keys and values."""
    members = _members_of(value)
    if members is not None:
        return {name: plain(getattr(value, name)) for name in members}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: plain(member) for key, member in value.items()}
        return [{"key": plain(key), "value": plain(member)} for key, member in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(member) for member in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _members_of(value: Any) -> Sequence[str] | None:
    """The names of its members, where it has any."""
    if is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in fields(value)]
    if isinstance(value, Struct):
        return value.__struct_fields__
    return getattr(value, "_fields", None)
