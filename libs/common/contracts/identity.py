"""Who a customer is in person: published by ingest on `ingest.consent.v1`, every trait sealed before it gets there."""

from typing import Annotated

from pydantic import ConfigDict, Field

from libs.common.contracts.personal import Personal, Sealable
from libs.common.contracts.values import Contract, CountryCode, Identifier, Part

Name = Annotated[str, Sealable(max_length=200), Personal.DIRECT]
EmailAddress = Annotated[str, Sealable(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), Personal.DIRECT]
PhoneNumber = Annotated[str, Sealable(max_length=32, pattern=r"^\+?[0-9 ()./-]+$"), Personal.DIRECT]
Birthday = Annotated[str, Sealable(max_length=10, pattern=r"^([0-9]{4}|-)-[0-9]{2}-[0-9]{2}$"), Personal.DIRECT]
"""`1980-12-24`, or `--12-24` where the year is not known."""

DirectText = Annotated[str, Sealable(max_length=500), Personal.DIRECT]


class ClosedPart(Part):
    """A piece that takes no members but its own: an unknown one could be personal, and would travel unsealed."""

    model_config = ConfigDict(extra="forbid")


class Address(ClosedPart):
    """Where somebody lives."""

    street: DirectText | None = None
    postal_code: Name | None = None
    city: Name | None = None
    region: Name | None = None
    country: CountryCode | None = None


class Trait(ClosedPart):
    """Something else that is known of a person, under a name of the chain's own."""

    name: Name
    value: DirectText


class Traits(ClosedPart):
    """What is known of a person. What has no member of its own goes into `other`."""

    name: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None
    birthday: Birthday | None = None
    address: Address | None = None
    other: Annotated[tuple[Trait, ...], Field(max_length=50)] = ()


class Described(Contract):
    """`usual.identity.described.v1`: what a customer told us about the person; the newest by event time holds per trait."""

    customer: Identifier
    traits: Traits

    @property
    def partition_key(self) -> str:
        """The customer's identifier."""
        return self.customer.key
