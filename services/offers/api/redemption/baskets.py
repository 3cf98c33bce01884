"""What codes are presented with: a receipt's basket, and who presents them; shared by the doors of this folder."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from libs.common.contracts.values import Currency, Identifier, Key, Unit
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential
from libs.common.ids import derived_id
from services.offers.api.basket_lines import CheckoutLine
from services.offers.api.doors import Doors
from services.offers.domain.fraud.guessing import Presenter
from services.offers.domain.vouchers.voucher import Basket, BasketLine
from services.offers.ports.fraud.watching import Bearer

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


class BasketWithBearer(BasketAtTill):
    """The same, with who stands at the till: what is redeemed is looked at for signs of fraud."""

    cashier_id: Key | None = None
    """The cashier's pseudonym."""
    cashier_card: Identifier | None = None
    """The cashier's own card, where the till knows it: a voucher of it needs a supervisor."""
    supervisor_id: Key | None = None
    """Who confirms what `step-up-required` asked for, in a new attempt; for keys with `voucher:confirm`."""


def bearer_of(doors: Doors, caller: Credential, request: BasketWithBearer) -> Bearer:
    """Who stands at the till; raises Forbidden where nobody may confirm it, or not this one."""
    if request.supervisor_id is not None and not caller.allows("voucher:confirm"):
        raise Forbidden("confirming needs the scope voucher:confirm", slug="missing-scope")
    if request.supervisor_id is not None and request.supervisor_id == request.cashier_id:
        raise Forbidden("nobody confirms what they do themselves", slug="confirms-own")
    card = request.cashier_card
    return Bearer(
        lane=f"{caller.key_id}:{request.terminal_id or ''}",
        cashier_id=request.cashier_id,
        cashier_customer_id=derived_id("customer", doors.pseudonyms.of(card).key) if card else None,
        supervisor_id=request.supervisor_id,
    )


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
