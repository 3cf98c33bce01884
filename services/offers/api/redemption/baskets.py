"""What codes are presented with: a receipt's basket, and who presents them; shared by the doors of this folder."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.common.contracts.values import Currency, Key, Unit
from libs.common.http.credentials import Credential
from services.offers.api.basket_lines import CheckoutLine
from services.offers.domain.fraud.guessing import Presenter
from services.offers.domain.vouchers.voucher import Basket, BasketLine

Code = Annotated[str, Field(min_length=1, max_length=256)]
"""As typed, or as scanned: the signed text of a QR code too."""
_BY_MEASURE = (Unit.KILOGRAM, Unit.LITRE, Unit.METRE)
MOST_CODES = 12
"""In one question: which of them go together is found out exactly."""


class BasketAtTill(BaseModel):
    """The receipt that codes are presented with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    currency: Currency
    lines: Annotated[tuple[CheckoutLine, ...], Field(max_length=2000)]
    """What goods cost before any voucher, each line under a number of its own."""

    @model_validator(mode="after")
    def _numbers_its_lines_apart(self) -> Self:
        if len({line.line_no for line in self.lines}) != len(self.lines):
            raise ValueError("two lines have the same line_no")
        return self


def presenter_of(caller: Credential, request: BasketAtTill) -> Presenter:
    """Whose misses these are."""
    return Presenter(
        key_id=caller.key_id,
        store_id=request.store_id,
        terminal_id=request.terminal_id,
        sees_reasons=caller.allows("voucher:explain"),
    )


def basket_of(request: BasketAtTill) -> Basket:
    """The basket as the rules see it."""
    return Basket(
        receipt_id=request.receipt_id,
        store_id=request.store_id,
        currency=request.currency,
        lines=[
            BasketLine(
                line_no=line.line_no,
                item_id=line.item_id,
                quantity=line.quantity,
                amount_cents=line.amount_cents,
                weighed=line.unit in _BY_MEASURE,
            )
            for line in request.lines
        ],
    )
