"""What profile tells the others: snapshots and until when they are complete, identity changes, segment movements, models."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from libs.common.contracts.values import Cents, Contract, Currency, Identifier, Key, Moment, Part


class ConsentInForce(Part):
    """One purpose on one channel as it stands."""

    purpose: Key
    channel: Key
    granted: bool


class CustomerValue(Part):
    """What a customer is expected to be worth; staff see it wherever they see the customer."""

    currency: Currency
    expected_year_cents: Cents
    chance_of_return_30_days_ratio: Annotated[float, Field(ge=0, le=1)]
    tier: Literal["gold", "silver", "bronze", "new"]


class ProfileSnapshot(Contract):
    """`usual.profile.snapshot.v1`: the newest view of one customer; a higher `version` replaces, a tombstone removes.

    `ranking_state` is the compact state of libs/ranking (its own format version inside), so that offers can score
    this customer with the basket in hand without asking anybody.
    """

    customer_id: Key
    version: Annotated[int, Field(ge=1)]
    identifiers: tuple[Identifier, ...]
    as_of: Moment
    """The newest event time folded into this view."""
    accepted_at: Moment
    """When the door accepted the newest event in this view: the start of the freshness clock."""
    consents: tuple[ConsentInForce, ...] = ()
    segments: tuple[Key, ...] = ()
    value: CustomerValue | None = None
    open_complaint: bool = False
    household_id: Key | None = None
    """The household that limits may count for, where somebody knows one."""
    ranking_state: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def partition_key(self) -> str:
        """The customer."""
        return self.customer_id


class IdentityChanged(Contract):
    """`usual.profile.identity.v1`: this customer id now stands for the person known by another one."""

    customer_id: Key
    version: Annotated[int, Field(ge=1)]
    now_customer_id: Key

    @property
    def partition_key(self) -> str:
        """The id that changed."""
        return self.customer_id


class _SegmentMoved(Contract):
    customer_id: Key
    version: Annotated[int, Field(ge=1)]
    """Of the customer's view: what a customer goes through comes in the order of these."""
    segment_id: Key
    segment_version: Annotated[int, Field(ge=1)]
    """Of the segment's document, whose rule decided it."""

    @property
    def partition_key(self) -> str:
        """The customer."""
        return self.customer_id


class SegmentEntered(_SegmentMoved):
    """`usual.profile.segment_entered.v1`: a customer is in a segment from this view on."""


class SegmentLeft(_SegmentMoved):
    """`usual.profile.segment_left.v1`: a customer is not in a segment any more.

    `reason`: the rule does not hold any more; or the segment was archived; or the customer objects to profiling; or the id
    is superseded (part of another person's, or erased), which says nothing of what the person does.
    """

    reason: Literal["rule", "archived", "objection", "superseded"] = "rule"


class ProfileCompleted(Contract):
    """`usual.profile.completed.v1`: whatever the front door accepted before `complete_until` is in the published snapshots.

    Said again and again; the latest moment counts, in whatever order they come.
    """

    complete_until: Moment
    """By the server's clock, also in a deployment that plays a data set."""

    @property
    def partition_key(self) -> str:
        """One key: the newest stays on the compacted topic."""
        return "profile"


class ModelPublished(Contract):
    """`usual.profile.model.v1`: an immutable, numbered population model."""

    model_name: Key
    number: Annotated[int, Field(ge=1)]
    model_id: Key
    trained_until: Moment
    body: Mapping[str, Any]

    @property
    def partition_key(self) -> str:
        """The model's name: the newest stays on the compacted topic."""
        return self.model_name
