"""`POST /v1/reconciliations`: a lane's journal comes in; `GET /v1/conflicts`: what of all journals is to be looked at."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from libs.common.contracts.values import Currency, Key, Quantity
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.domain.lanes.entry import Entry, OfflineLine
from services.offers.handlers.lanes.leasing import store_of_lease
from services.offers.handlers.lanes.reconciling import Reconciliation, TakenIn, encoded
from services.offers.ports.lanes.journals import KnownEntry

Lane = Annotated[Credential, Depends(require("vouchers:offline"))]
Auditor = Annotated[Credential, Depends(require("ledger:read"))]
_TOGETHER = 100
_PAGE = 1_000
LineCents = Annotated[int, Field(ge=0, le=10**9)]


class GivenLineAtLane(BaseModel):
    """A line of the receipt, and what the lane took off it; those that the voucher is not for too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line_no: Annotated[int, Field(ge=1, le=100_000)]
    item_id: Key
    quantity: Quantity
    amount_cents: LineCents
    discount_cents: LineCents


class JournalEntry(BaseModel):
    """A voucher that a lane took without a network, as the lane's journal has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    redemption_id: Key
    signed: Annotated[str, Field(min_length=1, max_length=256)]
    """The text of the QR code that the lane checked."""
    receipt_id: Key
    currency: Currency
    given_at: AwareDatetime
    """By the lane's clock."""
    lines: Annotated[tuple[GivenLineAtLane, ...], Field(min_length=1, max_length=2000)]
    taken_back: bool = False
    """The receipt was cancelled. True is the last word, whichever comes first."""

    @model_validator(mode="after")
    def _gave_something(self) -> Self:
        if not sum(line.discount_cents for line in self.lines):
            raise ValueError("an entry gives something")
        if len({line.line_no for line in self.lines}) != len(self.lines):
            raise ValueError("a line stands in an entry once")
        return self


class ReconciliationRequest(BaseModel):
    """Entries of one lease: any of them, in any order, as often as the lane likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_id: Key
    entries: Annotated[tuple[JournalEntry, ...], Field(min_length=1, max_length=_TOGETHER)]


class ConflictView(BaseModel):
    """An entry that somebody should look at, and who paid for it."""

    number: int
    redemption_id: str
    reason: str
    lease_id: str
    store_id: str
    terminal_id: str
    voucher_id: str | None
    campaign_id: str | None
    receipt_id: str
    currency: str
    given_at: AwareDatetime
    reconciled_at: AwareDatetime
    given_cents: int
    from_reserve_cents: int
    from_lease_cents: int
    uncovered_cents: int
    """Given without a right to, and paid by nobody."""
    came_back_cents: int
    """Of what was paid beside the voucher: with goods, or since the receipt was cancelled."""
    taken_back_at: AwareDatetime | None


class ConflictPage(BaseModel):
    """The next conflicts; `next_after` is what to ask with next, null at the end."""

    conflicts: list[ConflictView]
    next_after: int | None


def reconciliation_router(doors: Doors) -> APIRouter:
    """The routes, bound to their stores."""
    router = APIRouter(prefix="/v1", tags=["offline tills"])

    @router.post(
        "/reconciliations",
        summary="Take in a lane's journal",
        responses=documented(Reconciliation, "What became of each entry, in the order of the request") | problems(404),
    )
    async def reconcile(request: ReconciliationRequest, caller: Lane) -> Response:
        """Each entry counts once, and gets the same answer however often it comes. After a 503 send all of it again."""
        async with doors.lane_leases() as store:
            check_store(caller, await store_of_lease(store, request.lease_id))
        outcomes = []
        for entry in request.entries:
            async with in_time(doors), doors.lanes() as stores:
                taken = await doors.reconciler.take_in(stores, request.lease_id, _entry(entry))
            _count(doors, taken)
            outcomes.append(taken.outcome)
        return Response(encoded(outcomes), media_type="application/json")

    @router.get("/conflicts", summary="What lanes gave that is to be looked at")
    async def conflicts(
        _caller: Auditor,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
        campaign_id: Key | None = None,
    ) -> ConflictPage:
        """In the order in which they came in."""
        async with doors.lanes() as stores:
            found = await stores.offline.conflicts(after=after, limit=limit, campaign_id=campaign_id)
        return ConflictPage(
            conflicts=[_view(each) for each in found], next_after=found[-1].number if len(found) == limit else None
        )

    return router


def _entry(told: JournalEntry) -> Entry:
    return Entry(
        redemption_id=told.redemption_id,
        signed=told.signed,
        receipt_id=told.receipt_id,
        currency=told.currency,
        given_at=told.given_at,
        lines=[OfflineLine(**dict(line)) for line in told.lines],
        taken_back=told.taken_back,
    )


def _count(doors: Doors, taken: TakenIn) -> None:
    if not taken.new:
        return
    metrics, outcome = doors.metrics, taken.outcome
    metrics.lanes.entries.labels(outcome.status, outcome.reason).inc()
    if outcome.uncovered_cents:
        metrics.lanes.uncovered_cents.labels(taken.campaign_id or "").inc(outcome.uncovered_cents)


def _view(known: KnownEntry) -> ConflictView:
    paid_cents = known.leased_cents + known.uncovered_cents
    return ConflictView(
        number=known.number,
        redemption_id=known.redemption_id,
        reason=known.reason,
        lease_id=known.lease_id,
        store_id=known.store_id,
        terminal_id=known.terminal_id,
        voucher_id=known.voucher_id,
        campaign_id=known.campaign_id,
        receipt_id=known.receipt_id,
        currency=known.currency,
        given_at=known.given_at,
        reconciled_at=known.reconciled_at,
        given_cents=known.given_cents,
        from_reserve_cents=known.given_cents - paid_cents,
        from_lease_cents=known.leased_cents,
        uncovered_cents=known.uncovered_cents,
        came_back_cents=paid_cents - known.late_cents - known.spent_cents - known.lost_cents,
        taken_back_at=known.taken_back_at,
    )
