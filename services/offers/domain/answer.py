"""What a till is told: made from a stored proposal and the slots that were granted, so that a repeat gives the same bytes.

The proposal holds no code: codes are derived again each time.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from services.offers.domain.code import CodeKey
from services.offers.domain.numbers import Numbered
from services.offers.domain.receipt import Columns, Coupon, as_escpos, as_text, template
from services.offers.domain.signed_code import Promise, SigningKey, key_at, signed_text

BUDGET_EXHAUSTED = "budget-exhausted"
TIER_NONE = 3


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


class PrintedNumber(msgspec.Struct, frozen=True):
    """For a barcode beside the code: an EAN-13, or a GCN, which goes behind application identifier 255."""

    kind: Literal["ean13", "gcn"]
    digits: str


class PrintedVoucher(msgspec.Struct, frozen=True):
    """A voucher in an answer."""

    voucher_id: str
    code: str
    campaign_id: str
    category: str
    item_ids: tuple[str, ...]
    kind: str
    text: str
    greatest_value_cents: int
    currency: str
    valid_from: datetime
    expires_at: datetime
    propensity_ratio: float
    reasons: tuple[str, ...]
    signed: str | None
    """For the QR code, where the campaign has its vouchers signed: a till without a network checks it."""
    number: PrintedNumber | None


class PrintedReceipt(msgspec.Struct, frozen=True):
    """What to print below the receipt; empty without vouchers."""

    text: str
    escpos_base64: str


class CheckoutAnswer(msgspec.Struct, frozen=True):
    """The answer to a checkout. `retryable`: the same question may be asked again for a better one."""

    checkout_id: str
    decision_id: str | None
    tier: int
    reason: str
    group: str
    model_id: str | None
    retryable: bool
    vouchers: tuple[PrintedVoucher, ...]
    receipt: PrintedReceipt


_encoder = msgspec.json.Encoder()
_proposals = msgspec.msgpack.Decoder(Proposal)
_packer = msgspec.msgpack.Encoder()


def pack(proposal: Proposal) -> bytes:
    """The proposal as it is stored."""
    return _packer.encode(proposal)


def unpack(stored: bytes) -> Proposal:
    """The proposal that was stored."""
    return _proposals.decode(stored)


def answer(
    proposal: Proposal, granted: Collection[int], codes: CodeKey, signing: Callable[[], Sequence[SigningKey]] = tuple
) -> bytes:
    """The answer's JSON: the granted vouchers with their codes, and what to print. `signing` is asked where one is signed."""
    vouchers = [voucher for voucher in proposal.vouchers if voucher.slot in granted]
    code_of = {voucher.slot: codes.code_of(voucher.voucher_id) for voucher in vouchers}
    signed = {voucher.slot: _signed(voucher, code_of[voucher.slot], signing) for voucher in vouchers}
    rows = template([_coupon(voucher, code_of[voucher.slot], signed[voucher.slot]) for voucher in vouchers])
    columns = proposal.columns
    return _encoder.encode(
        CheckoutAnswer(
            checkout_id=proposal.checkout_id,
            decision_id=proposal.decision_id,
            tier=proposal.tier,
            reason=proposal.reason if vouchers or not proposal.vouchers else BUDGET_EXHAUSTED,
            group=proposal.group,
            model_id=proposal.model_id,
            retryable=False,
            vouchers=tuple(
                _printed(voucher, code_of[voucher.slot], signed[voucher.slot], codes) for voucher in vouchers
            ),
            receipt=PrintedReceipt(
                as_text(rows, columns), b64encode(as_escpos(rows, columns)).decode() if rows else ""
            ),
        )
    )


def nothing(checkout_id: str, reason: str) -> bytes:
    """The answer of tier 3: no voucher, nothing stored, and the same question may be asked again."""
    return _encoder.encode(
        CheckoutAnswer(
            checkout_id=checkout_id,
            decision_id=None,
            tier=TIER_NONE,
            reason=reason,
            group="treated",
            model_id=None,
            retryable=True,
            vouchers=(),
            receipt=PrintedReceipt("", ""),
        )
    )


def _signed(voucher: ProposedVoucher, code: str, signing: Callable[[], Sequence[SigningKey]]) -> str | None:
    """Signed by the key that signed at its issue, so that a repeat gives the same bytes."""
    key = key_at(signing(), voucher.valid_from) if voucher.signed_for else None
    if key is None or voucher.signed_for is None:
        return None
    return signed_text(
        key,
        Promise(
            code=code,
            campaign_id=voucher.campaign_id,
            category=voucher.category,
            percent=voucher.signed_for.percent,
            greatest_value_cents=voucher.greatest_value_cents,
            currency=voucher.currency,
            expires_at=voucher.expires_at,
            store_id=voucher.signed_for.store_id,
        ),
    )


def _coupon(voucher: ProposedVoucher, code: str, signed: str | None) -> Coupon:
    return Coupon(
        headline=voucher.headline,
        note=voucher.note,
        title=voucher.title,
        such_as=voucher.such_as,
        code=code,
        last_day=voucher.last_day,
        signed=signed,
    )


def number_of(voucher: ProposedVoucher, codes: CodeKey) -> PrintedNumber | None:
    """The voucher's number, where its campaign has numbers."""
    by = voucher.numbered
    if by is None:
        return None
    return PrintedNumber(by.kind, Numbered(kind=by.kind, prefix=by.prefix).number_of(voucher.voucher_id, codes))


def _printed(voucher: ProposedVoucher, code: str, signed: str | None, codes: CodeKey) -> PrintedVoucher:
    return PrintedVoucher(
        voucher_id=voucher.voucher_id,
        code=code,
        campaign_id=voucher.campaign_id,
        category=voucher.category,
        item_ids=voucher.item_ids,
        kind=voucher.kind,
        text=f"{voucher.headline} ({voucher.note})" if voucher.note else voucher.headline,
        greatest_value_cents=voucher.greatest_value_cents,
        currency=voucher.currency,
        valid_from=voucher.valid_from,
        expires_at=voucher.expires_at,
        propensity_ratio=voucher.propensity_ratio,
        reasons=voucher.reasons,
        signed=signed,
        number=number_of(voucher, codes),
    )
