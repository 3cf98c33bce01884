"""`GET /v1/ledger...`: every campaign's books, and its journal for auditors, as JSON pages or as one CSV file."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from libs.common.contracts.values import Key
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.money.ledger import Account, Move
from services.offers.handlers.money.ledger import books_of, journal_of
from services.offers.ports.money import Books, Posted

Caller = Annotated[Credential, Depends(require("ledger:read"))]
_PAGE = 1_000
_COLUMNS = (
    *("number", "move", "from_account", "to_account", "amount_cents", "currency"),
    *("voucher_id", "cause_id", "occurred_at", "posted_at"),
)


class BooksView(BaseModel):
    """What a campaign's journal adds up to, beside its budget. Balances sum to zero: the funder's is minus the cap."""

    campaign_id: str
    currency: str
    balances_cents: dict[Account, int]
    transfers: int
    agree: bool
    """Whether journal and budget tell the same to the cent, without a missing transfer."""
    difference_cents: int
    missing: int


class TransferView(BaseModel):
    """So many cents from one account to another. `number` runs from 1 without a gap."""

    number: int
    move: Move
    from_account: Account
    to_account: Account
    amount_cents: int
    currency: str
    voucher_id: str | None
    cause_id: str
    occurred_at: datetime
    posted_at: datetime


class JournalPage(BaseModel):
    """The next transfers; `next_after` is what to ask with next, null at the end."""

    transfers: list[TransferView]
    next_after: int | None


def ledger_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1/ledger", tags=["ledger"])

    @router.get("", summary="All books")
    async def everything(_caller: Caller) -> list[BooksView]:
        async with doors.ledger() as store:
            return [_books(found) for found in await store.books()]

    @router.get("/{campaign_id}", summary="One campaign's books", responses=problems(404))
    async def one(campaign_id: Key, _caller: Caller) -> BooksView:
        async with doors.ledger() as store:
            return _books(await books_of(store, campaign_id))

    @router.get("/{campaign_id}/transfers", summary="Its journal, page by page", responses=problems(404))
    async def page(
        campaign_id: Key,
        _caller: Caller,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    ) -> JournalPage:
        """Numbers run without a gap, so that whoever has read up to one has missed nothing before it."""
        async with doors.ledger() as store:
            currency = (await books_of(store, campaign_id)).currency
            found = await journal_of(store, campaign_id, after=after, limit=limit)
        return JournalPage(
            transfers=[_transfer(posted, currency) for posted in found],
            next_after=found[-1].number if len(found) == limit else None,
        )

    @router.get(
        "/{campaign_id}/transfers.csv",
        summary="Its journal as one file",
        response_class=StreamingResponse,
        responses={**problems(404), 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def export(campaign_id: Key, _caller: Caller) -> StreamingResponse:
        """All transfers so far, oldest first."""
        async with doors.ledger() as store:
            currency = (await books_of(store, campaign_id)).currency
        return StreamingResponse(
            _lines(doors, campaign_id, currency),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="journal.csv"'},
        )

    return router


async def _lines(doors: Doors, campaign_id: str, currency: str) -> AsyncIterator[str]:
    """Page by page, each in a transaction of its own: a slow reader holds no connection."""
    yield _csv([_COLUMNS])
    after = 0
    while True:
        async with doors.ledger() as store:
            found = await journal_of(store, campaign_id, after=after, limit=_PAGE)
        views = [_transfer(posted, currency).model_dump(mode="json") for posted in found]
        yield _csv([[view[column] for column in _COLUMNS] for view in views])
        if len(found) < _PAGE:
            return
        after = found[-1].number


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _books(found: Books) -> BooksView:
    return BooksView(
        campaign_id=found.campaign_id,
        currency=found.currency,
        balances_cents=dict(found.balances),
        transfers=found.counted,
        agree=found.agree,
        difference_cents=found.difference_cents,
        missing=found.missing,
    )


def _transfer(posted: Posted, currency: str) -> TransferView:
    transfer = posted.transfer
    return TransferView(
        number=posted.number,
        move=transfer.move,
        from_account=transfer.from_account,
        to_account=transfer.to_account,
        amount_cents=transfer.amount_cents,
        currency=currency,
        voucher_id=posted.voucher_id,
        cause_id=posted.cause_id,
        occurred_at=posted.occurred_at,
        posted_at=posted.posted_at,
    )
