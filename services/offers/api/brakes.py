"""`/v1/brakes`: the emergency brake of a campaign, a store or the chain."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, model_validator

from libs.common.contracts.values import Key
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.api.repeating import keeps_answer, when_durable
from services.offers.domain.brakes.brake import HEAD_OFFICE, Brake, PulledFor, Scope, Target
from services.offers.handlers.brakes.pulling import get_brake, pull_brake, release_brake, settled
from services.offers.ports.brakes import KnownBrake

Caller = Annotated[Credential, Depends(require("brakes:write"))]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class BrakeRequest(BaseModel):
    """What to stop: from the answer on no voucher of it is issued. The same `brake_id` acts once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brake_id: Key
    scope: Scope
    entity_id: Key | None = None
    """The store or campaign; none for the chain."""
    redemptions: bool = False
    """Vouchers that were printed are refused too while it is in force. Without it they stay good."""
    reason: Reason
    """For the record."""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.scope is Scope.CHAIN) != (self.entity_id is None):
            raise ValueError("a store or campaign is named by entity_id, the chain is not")
        return self


class ReleaseRequest(BaseModel):
    """Why it may run again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Reason


class BrakeView(BaseModel):
    """A brake. Times are the database's. In force while `released_at` is null."""

    brake_id: str
    scope: Scope
    entity_id: str | None
    redemptions: bool
    pulled_for: PulledFor
    """`person`, or the rule that tripped."""
    reason: str
    pulled_by: str
    pulled_at: AwareDatetime
    released_by: str | None
    release_reason: str | None
    released_at: AwareDatetime | None


class PulledBrake(BrakeView):
    """A brake that is in force."""

    settled: bool
    """All that began before has ended: nothing that it stops happens after this answer. False: within a second.

    Under an Idempotency-Key always false: the answer is kept with the brake, and told when what began before has ended.
    """


def brake_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1/brakes", tags=["brakes"])

    @router.post("", summary="Stop a campaign, a store or the chain", responses=problems(404, 409))
    async def pull(request: BrakeRequest, caller: Caller, http: Request) -> PulledBrake:
        """In force at once, in every process. Several may be in force for one thing: it runs again when all are released."""
        target = Target(scope=request.scope, entity_id=request.entity_id or "")
        _check_reach(caller, target)
        asked = Brake(
            brake_id=request.brake_id,
            target=target,
            redemptions=request.redemptions,
            pulled_for=PulledFor.PERSON,
            reason=request.reason,
            pulled_by=_name(caller),
            of_store=caller.store_id,
        )
        async with doors.brakes() as store:
            known = await pull_brake(store, asked, doors.metrics)
        if keeps_answer(http):
            await when_durable(http, lambda: _settled(doors, request))
            return PulledBrake(**_view(known).model_dump(), settled=False)
        return PulledBrake(**_view(known).model_dump(), settled=await _settled(doors, request))

    @router.get("", summary="Brakes, newest first")
    async def everything(caller: Caller, *, in_force: bool = False) -> list[BrakeView]:
        """All that ever were, or those in force. A store's key sees those of its store and of the whole chain."""
        async with doors.brakes() as store:
            return [_view(known) for known in await store.all(in_force=in_force) if _concerns(known, caller)]

    @router.get("/{brake_id}", summary="One brake", responses=problems(404))
    async def one(brake_id: Key, caller: Caller) -> BrakeView:
        async with doors.brakes() as store:
            known = await get_brake(store, brake_id)
        if not _concerns(known, caller):
            raise Forbidden("this key belongs to another store", slug="other-store")
        return _view(known)

    @router.post("/{brake_id}/release", summary="Let it run again", responses=problems(404))
    async def release(brake_id: Key, request: ReleaseRequest, caller: Caller) -> BrakeView:
        """The same again changes nothing. A store releases what it pulled itself, head office everything."""
        async with doors.brakes() as store:
            return _view(
                await release_brake(store, brake_id, by=_name(caller), of_store=caller.store_id, reason=request.reason)
            )

    return router


async def _settled(doors: Doors, request: BrakeRequest) -> bool:
    """Wait, and count where that was not enough."""
    in_time = await settled(doors.brakes, doors.clock, redemptions=request.redemptions)
    if not in_time:
        doors.metrics.brakes.unsettled.inc()
    return in_time


def _check_reach(caller: Credential, target: Target) -> None:
    if caller.store_id == HEAD_OFFICE or (target.scope is Scope.STORE and target.entity_id == caller.store_id):
        return
    raise Forbidden("this key stops its own store only", slug="other-store")


def _concerns(known: KnownBrake, caller: Credential) -> bool:
    target = known.brake.target
    return target.scope is not Scope.STORE or caller.may_act_for(target.entity_id)


def _name(caller: Credential) -> str:
    return f"{caller.key_id} ({caller.holder})"


def _view(known: KnownBrake) -> BrakeView:
    brake, released = known.brake, known.released
    return BrakeView(
        brake_id=brake.brake_id,
        scope=brake.target.scope,
        entity_id=brake.target.entity_id or None,
        redemptions=brake.redemptions,
        pulled_for=brake.pulled_for,
        reason=brake.reason,
        pulled_by=brake.pulled_by,
        pulled_at=known.pulled_at,
        released_by=released.by if released else None,
        release_reason=released.reason if released else None,
        released_at=released.at if released else None,
    )
