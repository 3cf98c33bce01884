"""A checkout's coupons again (`GET .../receipt`), and what became of them at the till (`PUT .../printed`)."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict

from libs.common.errors import NotFound
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from libs.common.http.problems import problem
from services.offers.api.doors import Doors, documented, in_time
from services.offers.domain.checkout.reprint import Form
from services.offers.domain.receipts.electronic import ElectronicReceipt
from services.offers.domain.receipts.sheet import Columns
from services.offers.handlers.receipts.printing import Printed, count_printed, note_printed
from services.offers.handlers.receipts.reprinting import form_for, stored_checkout
from services.offers.ports.receipts import PrintOutcome, StoredCheckout

Id = Annotated[str, Path(min_length=1, max_length=128, description="As the till named the checkout.")]


def _number(text: object) -> object:
    """A query holds texts alone."""
    return int(text) if isinstance(text, str) and text.isdecimal() else text


Wide = Annotated[
    Annotated[Columns, BeforeValidator(_number)] | None,
    Query(description="Of text, picture and printer; as at the checkout if left out."),
]
Accept = Annotated[
    str, Header(description="`application/json`, `text/plain`, `image/png` or `application/octet-stream` (ESC/POS).")
]


class PrintReport(BaseModel):
    """What the till saw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: PrintOutcome


def receipt_router(doors: Doors) -> APIRouter:
    """The route, bound to its store."""
    router = APIRouter(prefix="/v1", tags=["tills"])

    @router.get(
        "/checkouts/{checkout_id:path}/receipt",
        summary="A checkout's coupons again, in the form that you accept",
        responses=_answers() | problems(406),
    )
    async def receipt(
        checkout_id: Id,
        caller: Annotated[Credential, Depends(require("voucher:request"))],
        columns: Wide = None,
        accept: Accept = "*/*",
    ) -> Response:
        """The same vouchers and codes as the answer had. Paper forms keep to the country's print policy; the others hold all."""
        form = form_for(accept)
        if form is None:
            return problem(406, "not-acceptable", "a receipt is " + ", ".join(form.value for form in Form))
        stored = await _stored(doors, checkout_id, caller)
        await _keys_known(doors)
        body = await doors.reprinter.render(stored, form, columns)
        return Response(body, media_type=form.value, headers={"Cache-Control": "no-store", "Vary": "Accept"})

    @router.put(
        "/checkouts/{checkout_id:path}/printed",
        summary="What became of a checkout's coupons at the till",
        responses=documented(Printed, "How it stands"),
    )
    async def printed(
        checkout_id: Id, told: PrintReport, caller: Annotated[Credential, Depends(require("voucher:request"))]
    ) -> Response:
        """Printed, declined by the customer, or failed; the last word counts, and what was printed stays so."""
        stored = await _stored(doors, checkout_id, caller)
        if told.outcome is PrintOutcome.DECLINED:
            await _keys_known(doors)  # before anything is kept: what is counted below lays the coupons out once more
        async with in_time(doors), doors.receipts() as store:
            standing, news = await note_printed(store, checkout_id, told.outcome, doors.clock.now())
        if news:
            count_printed(doors.metrics, stored, told.outcome, doors.reprinter.keys)
        return Response(msgspec.json.encode(standing), media_type="application/json")

    return router


async def _stored(doors: Doors, checkout_id: str, caller: Credential) -> StoredCheckout:
    async with in_time(doors), doors.receipts() as store:
        stored = await stored_checkout(store, checkout_id)
    if not caller.may_act_for(stored.store_id):
        raise NotFound("no such checkout in this store")
    return stored


async def _keys_known(doors: Doors) -> None:
    async with in_time(doors):
        await doors.signing.known()


def _answers() -> dict[int | str, dict[str, Any]]:
    answers = documented(ElectronicReceipt, "The coupons in the accepted form")
    content = answers[200]["content"]
    content[Form.TEXT.value] = {"schema": {"type": "string"}}
    for form in (Form.PICTURE, Form.PRINTER):
        content[form.value] = {"schema": {"type": "string", "format": "binary"}}
    return answers
