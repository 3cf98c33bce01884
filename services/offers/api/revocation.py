"""`POST /v1/revocations` and what became of each: vouchers that leaked are refused at once."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, model_validator

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.revocation import Revocation, Revoked
from services.offers.handlers.revocation import get_revocation, revoke
from services.offers.ports.revocation import KnownRevocation, RevocationStore

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any voucher."""
Caller = Annotated[Credential, Depends(require("vouchers:revoke"))]


class RevocationRequest(BaseModel):
    """Which vouchers to revoke: those to which everything that is stated applies. The same `revocation_id` acts once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revocation_id: Key
    campaign_id: Key | None = None
    store_id: Key | None = None
    """The store that printed them."""
    batch_id: Key | None = None
    issued_from: AwareDatetime | None = None
    """None: from the first on."""
    issued_until: AwareDatetime | None = None
    """The last moment of issue, not after now; None is now."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """For the record: who asked, and why."""

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not (self.campaign_id or self.store_id or self.batch_id or self.issued_from):
            raise ValueError("say which: campaign_id, store_id, batch_id or issued_from")
        return self


class RevocationView(BaseModel):
    """A revocation: its vouchers are refused; `vouchers` of them were ended so far, all of them at `swept_at`."""

    revocation_id: str
    campaign_id: str | None
    store_id: str | None
    batch_id: str | None
    issued_from: AwareDatetime
    issued_until: AwareDatetime
    reason: str
    asked_by: str
    asked_at: AwareDatetime
    vouchers: int
    swept_at: AwareDatetime | None


def revocation_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1/revocations", tags=["vouchers"])

    @router.post("", summary="Revoke vouchers that were printed", responses=problems(409))
    async def put(request: RevocationRequest, caller: Caller) -> RevocationView:
        """Refused from this answer on, by every process; their reserves are free some seconds later."""
        async with doors.revocations() as store:
            return _view(await revoke(store, await _asked(doors, store, request, caller)))

    @router.get("", summary="All revocations, newest first")
    async def everything(_caller: Caller) -> list[RevocationView]:
        async with doors.revocations() as store:
            return [_view(known) for known in await store.all()]

    @router.get("/{revocation_id}", summary="One revocation")
    async def one(revocation_id: Key, _caller: Caller) -> RevocationView:
        async with doors.revocations() as store:
            return _view(await get_revocation(store, revocation_id))

    return router


async def _asked(doors: Doors, store: RevocationStore, request: RevocationRequest, caller: Credential) -> Revocation:
    now = doors.money_clock.now(stated=None, reached=await store.reached_at())
    until = request.issued_until or now
    since = request.issued_from or _FIRST
    if until > now or since > until:
        raise InvalidInput("what is revoked was issued: from a moment to a later one, and not after now")
    return Revocation(
        revocation_id=request.revocation_id,
        revoked=Revoked(
            campaign_id=request.campaign_id,
            store_id=request.store_id,
            batch_id=request.batch_id,
            issued_from=since,
            issued_until=until,
        ),
        reason=request.reason,
        asked_by=f"{caller.key_id} ({caller.holder})",
        asked_at=doors.clock.now(),
    )


def _view(known: KnownRevocation) -> RevocationView:
    revocation, revoked = known.revocation, known.revocation.revoked
    return RevocationView(
        revocation_id=revocation.revocation_id,
        campaign_id=revoked.campaign_id,
        store_id=revoked.store_id,
        batch_id=revoked.batch_id,
        issued_from=revoked.issued_from,
        issued_until=revoked.issued_until,
        reason=revocation.reason,
        asked_by=revocation.asked_by,
        asked_at=revocation.asked_at,
        vouchers=known.vouchers,
        swept_at=known.swept_at,
    )
