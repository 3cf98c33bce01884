"""What a checkout needs: a round trip to read of its customer and store, and one to make its decision durable."""

from collections.abc import Collection, Container, Sequence
from datetime import date, datetime
from typing import Protocol

import msgspec

from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage
from services.offers.domain.brakes.brake import NO_BRAKES, Brakes
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.checkout.proposal import Proposal
from services.offers.domain.decisions.eligibility import PastVoucher
from services.offers.domain.money.limits import Claim, Per, Period, Uses
from services.offers.ports.campaigns.knowledge import Revisions


class Overloaded(RetryableError):
    """So many wait already that one more would only be late."""

    slug = "overloaded"


class KnownCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as the last applied snapshot shows it."""

    customer_id: str
    personal_offers: bool
    open_complaint: bool
    sketch: bytes | None
    """Of its ranking state, as libs/ranking/sketch.py tells it."""
    ranking_state: bytes
    """Empty where there is a sketch."""
    household_id: str | None = None


class LimitsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Which limits there are, and whose may matter beside the customer's: the store's, on this day of its calendar."""

    pairs: Collection[tuple[Per, Period]]
    day: date
    region: str | None
    partner: str | None


class CheckoutQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What to look up for one checkout. `customer_id` is what the presented identifier stands for by itself."""

    checkout_id: str
    customer_id: str | None
    store_id: str
    past_since: datetime
    """The customer's vouchers that were issued before count for nothing any more."""
    limits_of: LimitsOf | None = None


class CheckoutView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the database knows for one checkout, as of one moment."""

    stored: Proposal | None
    asked: bytes | None
    """What was asked then, as a digest; None: nobody noted it."""
    granted: Sequence[int]
    customer: KnownCustomer | None
    past: Sequence[PastVoucher]
    snapshots_fresh_at: datetime | None
    """Whatever the door accepted before is in the snapshots read here, in server time; None: nobody has said so."""
    reached_at: datetime | None
    """Event time, in a deployment that plays a data set."""
    revisions: Revisions
    uses: Uses = msgspec.field(default_factory=dict)
    """Of limits, as far as they were asked for."""
    brakes: Brakes = NO_BRAKES
    """Those in force that concern this store."""
    there: Container[str] | None = None
    """The items that this store has, or will have within a voucher's time; None: to be asked for by themselves."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
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
    claims: Sequence[Claim] = ()
    """On which counters of its campaign's limits it will stand."""


class IssueRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One decision to be made durable, with its vouchers."""

    proposal: Proposal
    receipt_id: str
    store_id: str
    customer_id: str | None
    decided_at: datetime
    message: OutboxMessage
    drafts: Sequence[Draft] = ()
    asked: bytes | None = None
    """What was asked, as a digest; None where there is nothing to compare a repeat with."""


class CheckoutReads(Protocol):
    """What a checkout needs to know, a round trip each; of a store that is remembered the first tells all."""

    async def read(self, question: CheckoutQuestion) -> CheckoutView:
        """The view; raises RetryableError when the database is away, slow or overloaded."""
        ...

    async def there(self, store_id: str, item_ids: Sequence[str]) -> frozenset[str]:
        """Of these items those that this store has, where its view does not say; raises RetryableError."""
        ...


class Issuing(Protocol):
    """One round trip that makes decisions durable."""

    async def issue(self, request: IssueRequest) -> Sequence[int] | None:
        """The slots whose vouchers were granted; None when it was decided before, elsewhere, or a brake stops one of its drafts.

        Raises RetryableError; then it may have happened all the same.
        """
        ...
