"""`GET|PUT /v1/voucher-keys[/{id}]` and withdrawal: the public halves for tills that check vouchers without a network."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict

from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from services.offers.api.doors import Doors
from services.offers.domain.codes.signed import KeyRow
from services.offers.handlers.codes import make_key, withdraw_key

_NONCE_BYTES = 16
Reader = Annotated[Credential, Depends(require("voucher:redeem"))]
Keeper = Annotated[Credential, Depends(require("voucher-keys:write"))]
KeyId = Annotated[int, Path(ge=1, le=255)]


class NewKey(BaseModel):
    """A key to be made: from when on it signs, a minute from now at the soonest, a day is better."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signs_from: AwareDatetime


class KeyView(BaseModel):
    """A key of signed vouchers. Tills trust those that are not withdrawn."""

    key_id: int
    public_key: str
    """Ed25519, hexadecimal."""
    signs_from: AwareDatetime
    withdrawn_at: AwareDatetime | None
    made_by: str


def voucher_key_router(doors: Doors) -> APIRouter:
    """The routes, bound to their store."""
    router = APIRouter(prefix="/v1/voucher-keys", tags=["vouchers"])

    async def views() -> list[KeyView]:
        await doors.signing.refresh()
        return [
            KeyView(
                key_id=key.row.key_id,
                public_key=key.public_key.hex(),
                signs_from=key.row.signs_from,
                withdrawn_at=key.row.withdrawn_at,
                made_by=key.row.made_by,
            )
            for key in doors.signing.keys
        ]

    @router.get("", summary="The keys that check signed vouchers")
    async def everything(_caller: Reader) -> list[KeyView]:
        """For tills: fetch them daily; libs/tills/verify_voucher.py reads this answer as it is."""
        return await views()

    @router.put("/{key_id}", summary="Make a key", responses=problems(409))
    async def put(key_id: KeyId, new: NewKey, caller: Keeper) -> list[KeyView]:
        """The same again changes nothing. Answers with all keys."""
        row = KeyRow(
            key_id=key_id,
            nonce=secrets.token_bytes(_NONCE_BYTES),
            signs_from=new.signs_from,
            withdrawn_at=None,
            made_by=caller.key_id,
        )
        async with doors.signing_keys() as store:
            await make_key(store, row, doors.clock.now())
        return await views()

    @router.post("/{key_id}/withdrawal", summary="Withdraw a key", responses=problems(404))
    async def withdraw(key_id: KeyId, _caller: Keeper) -> list[KeyView]:
        """It signs no more; what it signed is still good online. Answers with all keys."""
        async with doors.signing_keys() as store:
            await withdraw_key(store, key_id, doors.clock.now())
        return await views()

    return router
