"""What a till asks at a checkout, what is known while it is being answered, and the answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.offers.domain.checkout.answer import TIER_NONE, nothing
from services.offers.domain.receipts.sheet import Columns


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """What a till asks. `occurred_at` is set only where event time is the clock."""

    checkout_id: str
    receipt_id: str
    store_id: str
    identifier: str | None
    """`kind:pseudonym` of what the customer presented."""
    currency: str
    item_ids: Sequence[str]
    slots: int
    columns: Columns
    deadline_seconds: float
    occurred_at: datetime | None = None
    language: str | None = None
    """The customer's, where the till knows it: `de`, `pt-BR`."""
    asked: bytes | None = None
    """All that it says, as a digest."""


class Attempt(msgspec.Struct):
    """How far the database came with an answer, for whoever answers without it."""

    customer_id: str | None = None
    """Who asks, as far as it is known: a holdout is respected at every tier."""
    committing_at: datetime | None = None
    """When the decision was made whose commit may have happened."""


class Answered(NamedTuple):
    """An answer's JSON, with the tier and the reason that it gives."""

    tier: int
    reason: str
    body: bytes


def without(checkout: Checkout, reason: str) -> Answered:
    """The answer of tier 3."""
    return Answered(TIER_NONE, reason, nothing(checkout.checkout_id, reason))
