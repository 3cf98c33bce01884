"""A decision with all that its answer is made from, as it is stored."""

from datetime import date, datetime
from typing import Literal

import msgspec

from services.offers.domain.receipts.printing import Printing
from services.offers.domain.receipts.sheet import Columns


class SignedFor(msgspec.Struct, frozen=True):
    """What a signature says beside the voucher itself. `percent` 0: an amount; `store_id` empty: any store."""

    percent: int
    store_id: str


class NumberedBy(msgspec.Struct, frozen=True):
    """What a voucher's number begins with; see Numbered."""

    kind: Literal["ean13", "gcn"]
    prefix: str


class ProposedVoucher(msgspec.Struct, frozen=True):
    """One voucher as decided, before its budget said yes."""

    slot: int
    voucher_id: str
    campaign_id: str
    title: str
    category: str
    item_ids: tuple[str, ...]
    such_as: tuple[str, ...]
    kind: str
    headline: str
    note: str
    greatest_value_cents: int
    currency: str
    valid_from: datetime
    expires_at: datetime
    last_day: date
    propensity_ratio: float
    reasons: tuple[str, ...]
    signed_for: SignedFor | None = None
    numbered: NumberedBy | None = None
    such_as_line: str = ""
    valid_through: str = ""
    """In the customer's words; a proposal of an earlier release has none of the two."""


class Proposal(msgspec.Struct, frozen=True):
    """A decision with all that its answer is made from."""

    checkout_id: str
    decision_id: str
    tier: int
    reason: str
    group: str
    model_id: str
    columns: Columns
    vouchers: tuple[ProposedVoucher, ...] = ()
    printing: Printing = Printing()


_proposals = msgspec.msgpack.Decoder(Proposal)
_packer = msgspec.msgpack.Encoder()


def pack(proposal: Proposal) -> bytes:
    """The proposal as it is stored."""
    return _packer.encode(proposal)


def unpack(stored: bytes) -> Proposal:
    """The proposal that was stored."""
    return _proposals.decode(stored)
