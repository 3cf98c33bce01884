"""What offers tells the others: a voucher's life and every decision with its propensity."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from libs.common.contracts.values import Contract, Currency, Key, Moment, Part, PositiveCents, Quantity, Ratio


class VoucherFact(Contract):
    """What all facts about a voucher have in common. The code is never part of an event."""

    voucher_id: Key
    campaign_id: Key
    customer_id: Key | None = None
    receipt_id: Key
    store_id: Key
    currency: Currency

    @property
    def partition_key(self) -> str:
        """The customer, else the receipt: a voucher's history stays in order."""
        return self.customer_id or f"receipt:{self.receipt_id}"


class VoucherIssued(VoucherFact):
    """`usual.offers.voucher_issued.v1`: a voucher was printed; its greatest value is reserved in the budget."""

    checkout_id: Key
    category: Key | None = None
    item_ids: tuple[Key, ...] = ()
    kind: Key | None = None
    """What it promises; None: told by a release that knew amounts and percentages only."""
    greatest_value_cents: PositiveCents
    valid_from: Moment
    expires_at: Moment
    tier: Annotated[int, Field(ge=0, le=3)]
    expected_quantity: Quantity | None = None
    redemption_ratio: Ratio = Decimal(0)
    """The chance that it is redeemed, as the policy saw it: inventory plans with it."""


class RedeemedLine(Part):
    """What a voucher took off one line; frozen, so that a return gives back exactly its share."""

    line_no: int
    item_id: Key
    discount_cents: PositiveCents


class VoucherRedeemed(VoucherFact):
    """`usual.offers.voucher_redeemed.v1`: what was really given."""

    redemption_id: Key
    given_cents: PositiveCents
    lines: tuple[RedeemedLine, ...]


class VoucherRolledBack(VoucherFact):
    """`usual.offers.voucher_rolled_back.v1`: a redemption was taken back."""

    redemption_id: Key
    returned_cents: PositiveCents


class VoucherExpired(VoucherFact):
    """`usual.offers.voucher_expired.v1`: not used in time; its reserve is free again."""

    released_cents: PositiveCents


class VoucherRevoked(VoucherFact):
    """`usual.offers.voucher_revoked.v1`: ended by the chain before it was used; its reserve is free again."""

    revocation_id: Key
    released_cents: PositiveCents


class BrakeFact(Contract):
    """What the facts about an emergency brake have in common. `entity_id` is the store or campaign; none for the chain."""

    brake_id: Key
    scope: Literal["chain", "store", "campaign"]
    entity_id: Key | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)]

    @property
    def partition_key(self) -> str:
        """What it stops: its brakes stay in order."""
        return f"{self.scope}:{self.entity_id or ''}"


class BrakePulled(BrakeFact):
    """`usual.offers.brake_pulled.v1`: no vouchers of it are issued; with `redemptions` printed ones are refused too."""

    redemptions: bool
    pulled_for: Key
    """`person`, or the rule that tripped."""
    pulled_by: Key


class BrakeReleased(BrakeFact):
    """`usual.offers.brake_released.v1`: this brake stops nothing any more; another one may."""

    released_by: Key


class FraudSuspected(Contract):
    """`usual.offers.fraud_suspected.v1`: signs of fraud were so heavy that a supervisor had to be asked, or the voucher was refused."""

    redemption_id: Key
    voucher_id: Key | None = None
    store_id: Key
    receipt_id: Key
    action: Literal["step-up", "confirmed", "block"]
    points: Annotated[int, Field(ge=0)]
    signals: tuple[Key, ...]
    """The heaviest first."""
    supervisor_id: Key | None = None

    @property
    def partition_key(self) -> str:
        """The store."""
        return self.store_id


class Alternative(Part):
    """An offer that could have been made, with the chance that the policy gave it."""

    campaign_id: Key
    category: Key | None = None
    propensity_ratio: Annotated[float, Field(ge=0, le=1)]
    score: float


class Decided(Contract):
    """`usual.offers.decision.v1`: one decision: what was possible, what was chosen, with which chance, by which model."""

    decision_id: Key
    checkout_id: Key
    receipt_id: Key
    customer_id: Key | None = None
    store_id: Key
    tier: Annotated[int, Field(ge=0, le=3)]
    reason: Key
    group: Literal["treated", "holdout"]
    model_id: Key
    chosen: tuple[Key, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def partition_key(self) -> str:
        """The customer, else the receipt."""
        return self.customer_id or f"receipt:{self.receipt_id}"
