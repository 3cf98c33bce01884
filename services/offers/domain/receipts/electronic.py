"""The e-receipt: the same coupons as data, for apps and wallets; `format` rises when a reader would have to change."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from services.offers.domain.receipts.printing import How

FORMAT: Final = 1


class ElectronicCoupon(msgspec.Struct, frozen=True):
    """One coupon, as it is said and as figures."""

    voucher_id: str
    campaign_id: str
    code: str
    signed: str | None
    """What a till without a network checks; to be shown as a QR code in the place of `code`."""
    title: str
    headline: str
    note: str
    such_as: str
    valid_through: str
    kind: str
    category: str
    item_ids: tuple[str, ...]
    greatest_value_cents: int
    currency: str
    valid_from: datetime
    expires_at: datetime
    last_day: date
    on_paper: bool
    """Whether it is among those for the printer."""


class ElectronicReceipt(msgspec.Struct, frozen=True):
    """All coupons of a checkout."""

    format: Literal[1]
    checkout_id: str
    decision_id: str
    language: str
    printing: How
    coupons: tuple[ElectronicCoupon, ...]
