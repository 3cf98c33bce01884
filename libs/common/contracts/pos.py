"""What happens at a till: published by ingest on `ingest.pos.v1`."""

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


class Receipt(Contract):
    """What all receipts have in common. Training and cancelled receipts are kept and count for nothing."""

    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    cashier_id: Key | None = None
    customer: Identifier | None = None
    currency: Currency
    training: bool = False
    cancelled: bool = False

    @property
    def counts(self) -> bool:
        """Whether this receipt is a real one."""
        return not (self.training or self.cancelled)

    @property
    def partition_key(self) -> str:
        """The customer's identifier, else the receipt."""
        return self.customer.key if self.customer else f"receipt:{self.receipt_id}"


class Sale(Receipt):
    """`usual.pos.sale.v1`: goods left the store against payment."""

    lines: Lines
    total_cents: Cents
    tenders: tuple[Tender, ...] = ()
    vouchers_scanned: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _total_is_the_sum_of_the_lines(self) -> "Sale":
        if self.total_cents != sum(line.amount_cents for line in self.lines):
            raise ValueError("total_cents is not the sum of the lines' amount_cents")
        return self


class Return(Receipt):
    """`usual.pos.return.v1`: goods came back; line amounts are what was given back, positive."""

    original_receipt_id: Key | None = None
    lines: Lines
    total_cents: Cents


class Void(Receipt):
    """`usual.pos.void.v1`: a whole earlier receipt is taken back, as if it had not been."""

    voided_receipt_id: Key
