"""A checkout's coupons again, from its stored proposal: for the printer, as text, as a picture, as an e-receipt.

Paper forms keep to the paper budget and to a policy that prints nothing; picture and e-receipt hold all coupons.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from services.offers.domain.checkout.answer import SigningKeys, coupon_of, granted_of, text_of
from services.offers.domain.checkout.proposal import Proposal, ProposedVoucher
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.receipts.electronic import FORMAT, ElectronicCoupon, ElectronicReceipt
from services.offers.domain.receipts.escpos import as_escpos
from services.offers.domain.receipts.picture import as_png, drawable
from services.offers.domain.receipts.printing import fitted
from services.offers.domain.receipts.sheet import Columns, laid
from services.offers.domain.receipts.template import Coupon


class Form(StrEnum):
    """The renderings, named by their media types."""

    E_RECEIPT = "application/json"
    TEXT = "text/plain"
    PICTURE = "image/png"
    PRINTER = "application/octet-stream"
    """ESC/POS."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets behind what is printed."""

    codes: CodeKey
    signing: SigningKeys


_encoder = msgspec.json.Encoder()


def rendered(
    form: Form, stored: tuple[Proposal, Collection[int]], keys: Keys, *, font: bytes, columns: Columns | None = None
) -> bytes:
    """The granted vouchers in this form, at the width that was asked for then unless `columns` says another."""
    proposal, granted = stored
    coupons = [(voucher, coupon_of(voucher, keys.codes, keys.signing)) for voucher in granted_of(proposal, granted)]
    wide = columns or proposal.columns
    fit = fitted([coupon for _, coupon in coupons], wide, proposal.printing)
    match form:
        case Form.TEXT:
            return text_of(fit, wide).encode()
        case Form.PRINTER:
            return as_escpos(fit.blocks, fit.elsewhere, wide, proposal.printing.code_pages)
        case Form.PICTURE:
            blocks = [laid(coupon, wide, proposal.printing.symbols, drawable) for _, coupon in coupons]
            return as_png(blocks, "", wide, font)
        case Form.E_RECEIPT:
            on_paper = {coupon.voucher_id for coupon in fit.on_paper}
            return _encoder.encode(
                ElectronicReceipt(
                    format=FORMAT,
                    checkout_id=proposal.checkout_id,
                    decision_id=proposal.decision_id,
                    language=proposal.printing.language,
                    printing=proposal.printing.how if on_paper else "never",
                    coupons=tuple(_electronic(*each, on_paper) for each in coupons),
                )
            )


def _electronic(voucher: ProposedVoucher, coupon: Coupon, on_paper: Collection[str]) -> ElectronicCoupon:
    return ElectronicCoupon(
        voucher_id=voucher.voucher_id,
        campaign_id=voucher.campaign_id,
        code=coupon.code,
        signed=coupon.signed,
        title=coupon.title,
        headline=coupon.headline,
        note=coupon.note,
        such_as=coupon.such_as,
        valid_through=coupon.valid_through,
        kind=voucher.kind,
        category=voucher.category,
        item_ids=voucher.item_ids,
        greatest_value_cents=voucher.greatest_value_cents,
        currency=voucher.currency,
        valid_from=voucher.valid_from,
        expires_at=voucher.expires_at,
        last_day=voucher.last_day,
        on_paper=voucher.voucher_id in on_paper,
    )
