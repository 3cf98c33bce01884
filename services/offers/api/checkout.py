"""`POST /v1/checkouts`: vouchers for a receipt, always answered in time."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from libs.common.contracts.compiled import plain_body, prepare
from libs.common.contracts.values import Cents, Currency, Identifier, Key
from libs.common.http.credentials import Credential, require
from libs.common.http.direct_routes import ReadyJson, ShortCut
from services.offers.api.basket_lines import CheckoutLine
from services.offers.api.doors import Doors, check_store, documented
from services.offers.domain.checkout.answer import CheckoutAnswer
from services.offers.domain.leases import GREATEST_SLOTS
from services.offers.domain.receipts.sheet import Columns
from services.offers.domain.repeating import digest_of_checkout
from services.offers.handlers.decisions.asking import Checkout

CHECKOUTS = "/v1/checkouts"
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


class LiveCheckout(BaseModel):
    """What a till asks, without what only plays say: it has a compiled form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkout_id: Key
    receipt_id: Key
    store_id: Key
    terminal_id: Key | None = None
    customer: Identifier | None = None
    currency: Currency
    lines: Annotated[tuple[CheckoutLine, ...], Field(max_length=2000)]
    total_cents: Cents
    slots: Annotated[int, Field(ge=1, le=GREATEST_SLOTS)] = 1
    deadline_ms: Annotated[int, Field(ge=1)] = 300
    columns: Columns = 42
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{2})?$")] | None = None
    """The customer's, if the till knows it, as `de` or `pt-BR`; else what is spoken in the store's country."""


class CheckoutRequest(LiveCheckout):
    """What a till asks when a receipt is about to be printed. The same `checkout_id` always gets the same answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    occurred_at: AwareDatetime | None = None
    """Only in a deployment that plays a data set, with the scope `play`."""


def checkout_router(doors: Doors) -> APIRouter:
    """The route, bound to its desk."""
    router = APIRouter(tags=["tills"])
    responses: dict[int | str, dict[str, Any]] = documented(
        CheckoutAnswer, "What to print, from the highest tier available"
    )

    @router.post(CHECKOUTS, summary="Vouchers for this receipt", responses=responses)
    async def ask(
        request: CheckoutRequest, caller: Annotated[Credential, Depends(require("voucher:request"))]
    ) -> Response:
        """Always 200 for a well-formed, authorised request, within `deadline_ms`; `tier` and `reason` say what it is.

        A `checkout_id` that was answered for another request is not well-formed: 422 `other-request`.
        """
        return await _answered(doors, request, caller, request.occurred_at)

    return router


def plain_checkouts(doors: Doors) -> ShortCut:
    """Answers checkouts as the route does, those that need no explanation and state no time: nearly all."""
    allowed = require("voucher:request")
    prepare([LiveCheckout])

    async def ask(request: Request) -> Response | None:
        asked = plain_body(LiveCheckout, await request.body())
        return None if asked is None else await _answered(doors, asked, await allowed(request))

    return ask


async def _answered(doors: Doors, asked: LiveCheckout, caller: Credential, stated: datetime | None = None) -> Response:
    accepted_seconds = doors.clock.monotonic_seconds()
    check_store(caller, asked.store_id)
    identifier = doors.pseudonyms.key_of(asked.customer.key) if asked.customer else None
    checkout = Checkout(
        checkout_id=asked.checkout_id,
        receipt_id=asked.receipt_id,
        store_id=asked.store_id,
        identifier=identifier,
        currency=asked.currency,
        item_ids=[line.item_id for line in asked.lines],
        slots=asked.slots,
        columns=asked.columns,
        language=asked.language,
        deadline_seconds=min(asked.deadline_ms, doors.greatest_deadline_ms) / 1000,
        occurred_at=doors.event_time(caller, stated),
        asked=_asked(asked, identifier, stated),
    )
    return ReadyJson(await doors.desk.answer(checkout, accepted_seconds))


def _asked(request: LiveCheckout, identifier: str | None, occurred_at: datetime | None) -> bytes:
    """All that it says but how long the till waits; the customer by pseudonym, since it is stored."""
    stated = (
        *(request.checkout_id, request.receipt_id, request.store_id, request.terminal_id, identifier, request.currency),
        *(request.total_cents, request.slots, request.columns, request.language, occurred_at),
    )
    lines = [(line.line_no, line.item_id, line.quantity, line.amount_cents) for line in request.lines]
    return digest_of_checkout(stated, lines)
