"""Who a call is about: handles, links between them, traits, and what a person allows; called by calls.py."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, TypeAlias

import msgspec

from services.ingest.domain.segment.members import Members, below, first_text, text, told

Handle: TypeAlias = Mapping[str, str]
_COUNTRY = re.compile(r"[A-Z]{2}")
_DAY: Final = len("1980-12-24")
_OWN_NAMES: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "first_name": ("firstName", "first_name"),
    "last_name": ("lastName", "last_name"),
    "email": ("email",),
    "phone": ("phone",),
    "birthday": ("birthday",),
}
_ADDRESS: Mapping[str, tuple[str, ...]] = {
    "street": ("street",),
    "postal_code": ("postalCode", "postal_code"),
    "city": ("city",),
    "region": ("state", "region"),
}
_PLACED = {"address", *(name for names in _OWN_NAMES.values() for name in names)}
_encoder = msgspec.json.Encoder(decimal_format="number")


def handle(kind: str, value: str | None) -> Handle | None:
    """An identifier, None without a value."""
    return {"kind": kind, "value": value} if value is not None else None


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a call names: `userId` is a web account, `anonymousId` a visitor."""

    account: Handle | None
    visitor: Handle | None

    @classmethod
    def of(cls, call: Members) -> "Who":
        """Whom `call` names."""
        return cls(handle("account", text(call.get("userId"))), handle("web_visitor", text(call.get("anonymousId"))))

    @property
    def seen_as(self) -> Handle | None:
        """Whose web contact it is: the visitor's where there is one, so that it is one key before and after signing in."""
        return self.visitor or self.account

    @property
    def known_as(self) -> Handle | None:
        """Who is described: the account where there is one."""
        return self.account or self.visitor

    def links(self, traits: Members) -> Iterator[tuple[Handle, Handle]]:
        """Which handles are one person by what the call says."""
        if self.account is not None and self.visitor is not None:
            yield self.visitor, self.account
        email = text(traits.get("email"))
        if email is not None and self.known_as is not None:
            yield self.known_as, {"kind": "email_hash", "value": sha256(email.lower().encode()).hexdigest()}


def former_handles(call: Members, who: Who) -> Iterator[tuple[Handle, Handle]]:
    """The links of an alias. Its `previousId` may be a visitor's or an account's; the handle that is neither has no contacts."""
    previous = text(call.get("previousId"))
    for former in (handle("web_visitor", previous), handle("account", previous)):
        if former is not None and who.account is not None and former != who.account:
            yield former, who.account


def described(traits: Members) -> dict[str, Any]:
    """The traits in the contract's members; those that have none of their own come under `other`, each as a text."""
    own = {name: first_text(traits, *names) for name, names in _OWN_NAMES.items()}
    if own["birthday"] is not None:
        own["birthday"] = own["birthday"][:_DAY]
    address = {name: first_text(below(traits, "address"), *names) for name, names in _ADDRESS.items()}
    others = {name: value for name, value in traits.items() if name not in _PLACED and value not in (None, "")}
    if isinstance(traits.get("address"), str):
        others["address"] = traits["address"]
    country = text(below(traits, "address").get("country"))
    if country is not None and not _COUNTRY.fullmatch(country):
        others["country"], country = country, None
    return told(
        **own,
        address=told(**address, country=country) or None,
        other=[{"name": name, "value": _as_text(value)} for name, value in others.items()] or None,
    )


def _as_text(value: object) -> str:
    return (
        value
        if isinstance(value, str)
        else str(value)
        if isinstance(value, Decimal)
        else _encoder.encode(value).decode()
    )


def preferences(call: Members) -> Iterator[tuple[str, object]]:
    """Purpose and answer of each consent, as Segment's consent calls carry them."""
    yield from below(below(below(call, "context"), "consent"), "categoryPreferences").items()
