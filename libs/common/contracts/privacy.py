"""Being forgotten: what profile asks of every service, and what each of them answers."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from libs.common.contracts.values import Contract, Identifier, Key, Moment

Count = Annotated[int, Field(ge=0)]


class ErasureRequested(Contract):
    """`usual.privacy.erasure_requested.v1`: forget this person, and all events of these identifiers up to `erased_at`.

    Events that happened later are of somebody new.
    """

    erasure_id: Key
    customer_id: Key
    customer_ids: tuple[Key, ...]
    """Every id by which the person may be known: that of each identifier, the present one among them."""
    identifiers: tuple[Identifier, ...]
    erased_at: Moment

    @property
    def partition_key(self) -> str:
        """The customer."""
        return self.customer_id


class Erased(Contract):
    """`usual.privacy.erased.v1`: what one service removed, by kind and count; all zero where it held nothing."""

    erasure_id: Key
    service: Literal["ingest", "profile", "offers", "inventory"]
    removed: Mapping[str, Count]

    @property
    def partition_key(self) -> str:
        """The erasure."""
        return self.erasure_id
