"""`POST /v1/checkouts`: vouchers for a receipt, always answered in time."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from libs.common.contracts.values import Cents, Currency, Identifier, Key, Quantity, Unit
from libs.common.http.credentials import Credential, require
from services.offers.api.doors import Doors, check_store, documented
from services.offers.domain.answer import CheckoutAnswer
from services.offers.domain.receipts.sheet import Columns
from services.offers.handlers.checkout import Checkout

_EXAMPLE: JsonDict = {
    "checkout_id": "till-7:2017-03-01:0042",
    "receipt_id": "31198459904",
    "store_id": "367",
    "customer": {"kind": "loyalty_card", "value": "2375"},
    "currency": "USD",
    "lines": [{"line_no": 1, "item_id": "1082185", "quantity": "1", "amount_cents": 129}],
    "total_cents": 129,
    "slots": 1,
    "deadline_ms": 300,
}


class CheckoutLine(BaseModel):
    """One line of the basket in hand."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    line_no: Annotated[int, Field(ge=1, le=100_000)]
    item_id: Key
    quantity: Quantity
    amount_cents: Cents
    unit: Annotated[str, Field(max_length=32)] = Unit.EACH
    """Of the quantity. `kg`, `l` and `m` are weight or measure; all else counts pieces."""


class CheckoutRequest(BaseModel):
    """What a till asks when a receipt is about to be printed. The same `checkout_id` always gets the same answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    checkout_id: Key
    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    customer: Identifier | None = None
    currency: Currency
    lines: Annotated[tuple[CheckoutLine, ...], Field(max_length=2000)]
    total_cents: Cents
    slots: Annotated[int, Field(ge=1, le=3)] = 1
    deadline_ms: Annotated[int, Field(ge=1)] = 300
    columns: Columns = 42
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2})?$")] | None = None
    """The customer's, if the till knows it, as `de` or `pt-BR`; else what is spoken in the store's country."""
    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


def checkout_router(doors: Doors) -> APIRouter:
    """The route, bound to its desk."""
    router = APIRouter(prefix="/v1", tags=["tills"])
    responses: dict[int | str, dict[str, Any]] = documented(
        CheckoutAnswer, "What to print, from the highest tier available"
    )

    @router.post("/checkouts", summary="Vouchers for this receipt", responses=responses)
    async def ask(
        request: CheckoutRequest, caller: Annotated[Credential, Depends(require("voucher:request"))]
    ) -> Response:
        """Always 200 for a well-formed, authorised request, within `deadline_ms`; `tier` and `reason` say what it is."""
        accepted_seconds = doors.clock.monotonic_seconds()
        check_store(caller, request.store_id)
        checkout = Checkout(
            checkout_id=request.checkout_id,
            receipt_id=request.receipt_id,
            store_id=request.store_id,
            identifier=doors.pseudonyms.of(request.customer).key if request.customer else None,
            currency=request.currency,
            item_ids=[line.item_id for line in request.lines],
            slots=request.slots,
            columns=request.columns,
            language=request.language,
            deadline_seconds=min(request.deadline_ms, doors.greatest_deadline_ms) / 1000,
            occurred_at=doors.event_time(caller, request.occurred_at),
        )
        return Response(await doors.desk.answer(checkout, accepted_seconds), media_type="application/json")

    return router
