"""What happens at a till: published by ingest on `ingest.pos.v1`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from libs.common.contracts.values import (
    Cents,
    Contract,
    Currency,
    Identifier,
    Key,
    ReceiptLine,
    Tender,
)

Lines = Annotated[tuple[ReceiptLine, ...], Field(min_length=1, max_length=2000)]


class TillContact(Contract):
    """What all that happens at a till has in common: the receipt that it belongs to, or that it will become."""

    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    cashier_id: Key | None = None
    customer: Identifier | None = None
    training: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is a real one: what cashiers do in training is kept and counts for nothing."""
        return not self.training

    @property
    def partition_key(self) -> str:
        """The customer's identifier, else the receipt."""
        return self.customer.key if self.customer else f"receipt:{self.receipt_id}"


class Receipt(TillContact):
    """What all receipts have in common. Training and cancelled receipts are kept and count for nothing."""

    currency: Currency
    cancelled: bool = False

    @property
    def counts(self) -> bool:
        """Whether this receipt is a real one."""
        return not (self.training or self.cancelled)


class Sale(Receipt):
    """`usual.pos.sale.v1`: goods left the store against payment."""

    lines: Lines
    total_cents: Cents
    tenders: tuple[Tender, ...] = ()
    vouchers_scanned: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _total_is_the_sum_of_the_lines(self) -> "Sale":
        if self.total_cents != sum([line.amount_cents for line in self.lines]):
            raise ValueError("total_cents is not the sum of the lines' amount_cents")
        return self


class Return(Receipt):
    """`usual.pos.return.v1`: goods came back; line amounts are what was given back, positive."""

    original_receipt_id: Key | None = None
    lines: Lines
    total_cents: Cents
    tenders: tuple[Tender, ...] = ()


class Void(Receipt):
    """`usual.pos.void.v1`: a whole earlier receipt is taken back, as if it had not been."""

    voided_receipt_id: Key


class LineScanned(TillContact):
    """`usual.pos.line_scanned.v1`: one line of a receipt that is still open; only the sale that follows counts as sold."""

    currency: Currency
    line: ReceiptLine
    taken_off: bool = False
    """True when the cashier took the line `line.line_no` off again."""


class ScanOutcome(StrEnum):
    """What the till made of a voucher."""

    ACCEPTED = "accepted"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    ALREADY_REDEEMED = "already_redeemed"
    NOT_APPLICABLE = "not_applicable"


class VoucherScanned(TillContact):
    """`usual.pos.voucher_scanned.v1`: a customer showed a voucher, and what came of it; its code never travels."""

    voucher_id: Key | None = None
    """None when the till could not tell which voucher it was."""
    outcome: ScanOutcome
