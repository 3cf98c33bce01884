"""What a checkout needs: one round trip to read, one to make its decision durable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from services.offers.domain.brake import NO_BRAKES, Brakes
from services.offers.domain.campaign import Terms
from services.offers.domain.eligibility import PastVoucher
from services.offers.domain.proposal import Proposal
from services.offers.ports.knowledge import Revisions


class Overloaded(RetryableError):
    """So many wait already that one more would only be late."""

    slug = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCustomer:
    """A customer as the last applied snapshot shows it."""

    customer_id: str
    personal_offers: bool
    open_complaint: bool
    ranking_state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutQuestion:
    """What to look up for one checkout. `customer_id` is what the presented identifier stands for by itself."""

    checkout_id: str
    customer_id: str | None
    store_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutView:
    """All that the database knows for one checkout, as of one moment."""

    stored: Proposal | None
    granted: Sequence[int]
    customer: KnownCustomer | None
    there: frozenset[str]
    """The items in question that this store has, or will have within a voucher's time."""
    past: Sequence[PastVoucher]
    snapshots_fresh_at: datetime | None
    """Whatever the door accepted before is in the snapshots read here, in server time; None: nobody has said so."""
    reached_at: datetime | None
    """Event time, in a deployment that plays a data set."""
    revisions: Revisions
    brakes: Brakes = NO_BRAKES
    """Those in force that concern this store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A voucher to be issued if its budget allows, with the event that says so."""

    slot: int
    voucher_id: str
    code_lookup: bytes
    campaign_id: str
    category: str
    item_ids: tuple[str, ...]
    terms: Terms
    currency: str
    propensity_ratio: float
    valid_from: datetime
    expires_at: datetime
    message: OutboxMessage
    number_lookup: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """One decision to be made durable, with its vouchers."""

    proposal: Proposal
    receipt_id: str
    store_id: str
    customer_id: str | None
    decided_at: datetime
    message: OutboxMessage
    drafts: Sequence[Draft] = ()


class CheckoutReads(Protocol):
    """One round trip for what a checkout needs to know."""

    async def read(self, question: CheckoutQuestion) -> CheckoutView:
        """The view; raises RetryableError when the database is away, slow or overloaded."""
        ...


class Issuing(Protocol):
    """One round trip that makes decisions durable."""

    async def issue(self, request: IssueRequest) -> Sequence[int] | None:
        """The slots whose vouchers were granted; None when it was decided before, elsewhere, or a brake stops one of its drafts.

        Raises RetryableError; then it may have happened all the same.
        """
        ...
