"""`POST /v1/reconciliations`: a lane's journal comes in; `GET /v1/conflicts`: what of all journals is to be looked at."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from libs.common.contracts.values import Currency, Key, Quantity
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors, check_store, documented, in_time
from services.offers.api.repeating import keeps_answer
from services.offers.domain.lanes.entry import Entry, OfflineLine
from services.offers.handlers.lanes.leasing import store_of_lease
from services.offers.handlers.lanes.outcomes import Outcome, Reconciliation, TakenIn, encoded, malformed
from services.offers.ports.lanes.journals import KnownEntry

Lane = Annotated[Credential, Depends(require("vouchers:offline"))]
Auditor = Annotated[Credential, Depends(require("ledger:read"))]
_TOGETHER = 100
_PAGE = 1_000
LineCents = Annotated[int, Field(ge=0, le=10**9)]


def _of_this_era(moment: datetime) -> datetime:
    """As it came; raises ValueError for what is before or after all years when it is told in UTC."""
    try:
        moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error
    return moment


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
    given_at: Annotated[AwareDatetime, AfterValidator(_of_this_era)]
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


@dataclass(frozen=True, slots=True)
class MalformedEntry:
    """An entry that is none. `redemption_id` as it was told; empty where it told none."""

    redemption_id: str
    taken_back: bool


def _malformed(told: Any) -> MalformedEntry:
    said = told if isinstance(told, dict) else {}
    name = said.get("redemption_id")
    return MalformedEntry(
        name if isinstance(name, str) and name.isprintable() else "", taken_back=said.get("taken_back") is True
    )


AnyEntry = Annotated[
    JournalEntry | SkipJsonSchema[Annotated[MalformedEntry, BeforeValidator(_malformed)]],
    Field(union_mode="left_to_right"),
]
"""What is no entry holds no other up: it gets an answer of its own."""


class ReconciliationRequest(BaseModel):
    """Entries of one lease: any of them, in any order, as often as the lane likes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lease_id: Key
    entries: Annotated[tuple[AnyEntry, ...], Field(min_length=1, max_length=_TOGETHER)]


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
    async def reconcile(request: ReconciliationRequest, caller: Lane, http: Request) -> Response:
        """Each entry counts once, and gets the same answer however often it comes. After a 503 send all of it again.

        What does not fit the schema of an entry is answered `refused`, `malformed`, and holds up none of the others.
        """
        async with doors.lane_leases() as store:
            check_store(caller, await store_of_lease(store, request.lease_id))
        entries = [each if isinstance(each, MalformedEntry) else _entry(each) for each in request.entries]
        if keeps_answer(http):
            async with in_time(doors), doors.lanes() as stores:
                together = [each for each in entries if isinstance(each, Entry)]
                await doors.reconciler.lock_all(stores, request.lease_id, together)
        outcomes = [await _outcome(doors, request.lease_id, each) for each in entries]
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


async def _outcome(doors: Doors, lease_id: str, entry: Entry | MalformedEntry) -> Outcome:
    if isinstance(entry, MalformedEntry):
        taken = malformed(entry.redemption_id, taken_back=entry.taken_back)
    else:
        async with in_time(doors), doors.lanes() as stores:
            taken = await doors.reconciler.take_in(stores, lease_id, entry)
    _count(doors, taken)
    return taken.outcome


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
