"""What a person allows, and which handles are the same person: published by ingest on `ingest.consent.v1`."""

from enum import StrEnum
from typing import Literal

from libs.common.contracts.values import Contract, Identifier, Remark


class Purpose(StrEnum):
    """What data may be used for."""

    PERSONAL_OFFERS = "personal_offers"
    PROFILING = "profiling"
    MARKETING_MESSAGES = "marketing_messages"


class Channel(StrEnum):
    """Where it may be used."""

    TILL = "till"
    WEB = "web"
    EMAIL = "email"
    APP = "app"
    ANY = "any"


class ConsentChanged(Contract):
    """`usual.consent.changed.v1`: a customer granted or withdrew a purpose; the newest by event time is in force."""

    customer: Identifier
    purpose: Purpose
    channel: Channel = Channel.ANY
    granted: bool
    basis: Literal["consent", "contract", "legitimate_interest"] = "consent"
    evidence: Remark | None = None
    """How it was given, in words that a dispute can be settled with: which form, which click."""

    @property
    def partition_key(self) -> str:
        """The customer's identifier."""
        return self.customer.key


class IdentityLinked(Contract):
    """`usual.identity.linked.v1`: two handles are one person (or, `linked` false, are not after all)."""

    first: Identifier
    second: Identifier
    linked: bool = True
    reason: Remark = "stated"

    @property
    def partition_key(self) -> str:
        """The smaller handle, so that link and unlink of a pair stay in order."""
        return min(self.first.key, self.second.key)
