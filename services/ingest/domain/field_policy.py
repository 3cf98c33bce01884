"""What happens to personal fields, per country, as data: dropped, encrypted or passed; read at start, asked per event."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.common.contracts import CONTRACTS, TOPIC_OF_TYPE, Personal, Place, personal_fields
from libs.common.errors import InvalidInput

INCOMING = tuple(sorted(name for name, topic in TOPIC_OF_TYPE.items() if topic.owner == "ingest"))


class Action(StrEnum):
    """What the door does with a personal field."""

    DROP = "drop"
    """It is left out; a field that its contract needs is emptied."""
    ENCRYPT = "encrypt"
    """It travels sealed under the person's key."""
    PASS = "pass"  # noqa: S105 - an action, not a password


_UNSAID: Mapping[Personal, Action] = {
    Personal.FREE_TEXT: Action.ENCRYPT,
    Personal.DIRECT: Action.ENCRYPT,
    Personal.BEHAVIOUR: Action.ENCRYPT,
    Personal.UNNAMED: Action.ENCRYPT,
}
"""What holds where a policy says nothing."""


class CountryPolicy(BaseModel):
    """What one country says: by sort of field, and by field (`comment`, `traits/email`) of an event type, which goes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sorts: Mapping[Personal, Action] = Field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Action]] = Field(default_factory=dict)

    def says(self, event_type: str, place: Place, sort: Personal) -> Action | None:
        """Its word on a field, if it has one."""
        return self.fields.get(event_type, {}).get("/".join(place)) or self.sorts.get(sort)


class FieldPolicy(BaseModel):
    """The policy of a deployment: `default`, and what countries say instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: CountryPolicy = CountryPolicy()
    countries: Mapping[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], CountryPolicy] = Field(default_factory=dict)

    def actions(self, event_type: str, country: str | None) -> Mapping[Place, Action]:
        """What to do with each personal field of this type that does not simply pass."""
        own = self.countries.get(country or "", self.default)
        found = {
            place: own.says(event_type, place, sort) or self.default.says(event_type, place, sort) or _UNSAID[sort]
            for place, sort in personal_fields(CONTRACTS[event_type])
        }
        return {place: action for place, action in found.items() if action is not Action.PASS}

    def unnamed(self, country: str | None) -> Action:
        """What to do with members that the contract of an event does not name."""
        sort = Personal.UNNAMED
        own = self.countries.get(country or "", self.default)
        return own.sorts.get(sort) or self.default.sorts.get(sort) or _UNSAID[sort]


def read_policy(text: str) -> FieldPolicy:
    """The policy in a YAML text; raises InvalidInput that says what is wrong where."""
    try:
        policy = FieldPolicy.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise _wrong(f"no YAML: {error}") from error
    except ValidationError as error:
        raise _wrong("; ".join(_told(one) for one in error.errors(include_url=False))) from error
    unknown = [*_unknown("default", policy.default)]
    for country, own in policy.countries.items():
        unknown += _unknown(f"countries.{country}", own)
    if unknown:
        raise _wrong("; ".join(unknown))
    return policy


def _unknown(where: str, policy: CountryPolicy) -> Iterator[str]:
    for event_type, fields in policy.fields.items():
        if event_type not in INCOMING:
            yield f"{where}.fields: no event type {event_type} comes in"
            continue
        known = _names(event_type)
        for name in fields:
            if name not in known:
                listed = ", ".join(known) or "it has none"
                yield f"{where}.fields.{event_type}: no personal field {name} ({listed})"


@cache
def _names(event_type: str) -> tuple[str, ...]:
    return tuple("/".join(place) for place, _ in personal_fields(CONTRACTS[event_type]))


def _told(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"] if step != "[key]")
    quoted = ' (in YAML a bare NO is "false": put countries in quotes)' if isinstance(error["input"], bool) else ""
    return f"{place or 'the policy'}: {error['msg']}{quoted}"


def _wrong(detail: str) -> InvalidInput:
    return InvalidInput(f"the field policy is not valid: {detail}", slug="field-policy-invalid")
