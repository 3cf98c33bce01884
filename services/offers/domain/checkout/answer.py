"""What a till is told: made from a stored proposal and the slots that were granted, so that a repeat gives the same bytes.

The proposal holds no code: codes are derived again each time.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from services.offers.domain.checkout.proposal import Proposal, ProposedVoucher
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.numbers import Number, Numbered, NumberKind
from services.offers.domain.codes.signed import Promise, SigningKey, key_at, signed_text
from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.frames import Printed, framed
from services.offers.domain.receipts.printing import Fitted, How, fitted
from services.offers.domain.receipts.sheet import Block, Columns, grams, laid, millimetres
from services.offers.domain.receipts.template import Coupon
from services.offers.domain.receipts.text import as_text

BUDGET_EXHAUSTED = "budget-exhausted"
TIER_NONE = 3


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
    """What to print below the receipt, and whether; empty without vouchers.

    `printing`: `print`; `ask` the customer the `question` first; or `never`, because nothing is for paper.
    """

    text: str
    escpos_base64: str
    printing: How = "never"
    question: str = ""
    language: str | None = None
    e_receipt_only: tuple[str, ...] = ()
    """The vouchers that are not on paper: their codes go to the e-receipt."""
    paper_mm: int = 0
    """What a printer takes for it at most."""
    saved_mm: int = 0
    saved_grams: float = 0.0
    """What printing all of them would have taken more."""


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


SigningKeys = Callable[[], Sequence[SigningKey]]


def answer(proposal: Proposal, granted: Collection[int], codes: CodeKey, signing: SigningKeys = tuple) -> bytes:
    """The answer's JSON: the granted vouchers with their codes, and what to print. `signing` is asked where one is signed."""
    return answered(proposal, granted, codes, signing)[0]


def answered(
    proposal: Proposal, granted: Collection[int], codes: CodeKey, signing: SigningKeys = tuple
) -> tuple[bytes, PrintedReceipt]:
    """The answer's JSON, and the part of it that tells what to print."""
    vouchers = granted_of(proposal, granted)
    coupons = [coupon_of(voucher, codes, signing) for voucher in vouchers]
    receipt = _receipt(proposal, coupons)
    body = _encoder.encode(
        CheckoutAnswer(
            checkout_id=proposal.checkout_id,
            decision_id=proposal.decision_id,
            tier=proposal.tier,
            reason=proposal.reason if vouchers or not proposal.vouchers else BUDGET_EXHAUSTED,
            group=proposal.group,
            model_id=proposal.model_id,
            retryable=False,
            vouchers=tuple(_printed(voucher, coupon) for voucher, coupon in zip(vouchers, coupons, strict=True)),
            receipt=receipt,
        )
    )
    return body, receipt


def granted_of(proposal: Proposal, granted: Collection[int]) -> list[ProposedVoucher]:
    """The vouchers whose budget said yes."""
    return [voucher for voucher in proposal.vouchers if voucher.slot in granted]


def coupon_of(voucher: ProposedVoucher, codes: CodeKey, signing: SigningKeys) -> Coupon:
    """What the voucher says on a receipt, with its code, signed where that was promised."""
    code = codes.code_of(voucher.voucher_id)
    return Coupon(
        voucher_id=voucher.voucher_id,
        headline=voucher.headline,
        note=voucher.note,
        title=voucher.title,
        such_as=voucher.such_as_line or ", ".join(voucher.such_as),
        code=code,
        valid_through=voucher.valid_through or voucher.last_day.isoformat(),
        signed=_signed(voucher, code, signing),
        number=number_of(voucher, codes),
    )


def text_of(fit: Fitted, columns: Columns) -> str:
    """The coupons on paper as text, in all signs that there are."""
    return as_text(
        [_as_said(*each, columns) for each in zip(fit.on_paper, fit.blocks, strict=True)], fit.elsewhere, columns
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


def _receipt(proposal: Proposal, coupons: Sequence[Coupon]) -> PrintedReceipt:
    printing, columns = proposal.printing, proposal.columns
    if not coupons:
        return PrintedReceipt("", "", language=printing.language)
    fit = fitted(coupons, columns, printing)
    on_paper = {coupon.voucher_id for coupon in fit.on_paper}
    printed = framed(fit, columns, printing.code_pages) or _printed_out(fit, columns, printing.code_pages)
    saved_mm = millimetres(fit.whole_dots - fit.paper_dots)
    count = len(fit.on_paper)
    return PrintedReceipt(
        text=printed.text,
        escpos_base64=b64encode(printed.escpos).decode(),
        printing=printing.how if on_paper else "never",
        question=printing.questions[count - 1] if 0 < count <= len(printing.questions) else "",
        language=printing.language,
        e_receipt_only=tuple(coupon.voucher_id for coupon in coupons if coupon.voucher_id not in on_paper),
        paper_mm=millimetres(fit.paper_dots),
        saved_mm=saved_mm,
        saved_grams=grams(saved_mm, columns),
    )


def _printed_out(fit: Fitted, columns: Columns, pages: tuple[str, ...]) -> Printed:
    return Printed(text_of(fit, columns), as_escpos(fit.blocks, fit.elsewhere, columns, pages))


def _as_said(coupon: Coupon, block: Block, columns: Columns) -> Block:
    return block if block.as_said else laid(coupon, columns, "one", _unspelled)


def _unspelled(text: str) -> str:
    return text


def number_of(voucher: ProposedVoucher, codes: CodeKey) -> Number | None:
    """The voucher's number, where its campaign has numbers."""
    by = voucher.numbered
    if by is None:
        return None
    digits = Numbered(kind=by.kind, prefix=by.prefix).number_of(voucher.voucher_id, codes)
    return Number(NumberKind(by.kind), digits)


def _printed(voucher: ProposedVoucher, coupon: Coupon) -> PrintedVoucher:
    return PrintedVoucher(
        voucher_id=voucher.voucher_id,
        code=coupon.code,
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
        signed=coupon.signed,
        number=PrintedNumber(coupon.number.kind.value, coupon.number.digits) if coupon.number else None,
    )


def _signed(voucher: ProposedVoucher, code: str, signing: SigningKeys) -> str | None:
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
