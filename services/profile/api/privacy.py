"""What a person may ask: to be forgotten, and to see what is held."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from libs.common.contracts.values import Identifier
from libs.common.http.credentials import Credential, require
from libs.common.http.openapi import problems
from libs.common.pseudonyms import Pseudonyms
from services.profile.api.customers import CustomerIdInPath
from services.profile.api.viewer import RequestId
from services.profile.domain.roles import Role
from services.profile.handlers.erasing import Erasing
from services.profile.handlers.export_page import page_of
from services.profile.handlers.export_shapes import Export
from services.profile.handlers.exporting import Exporting
from services.profile.handlers.looking import Viewer
from services.profile.handlers.privacy_shapes import ErasureView
from services.profile.ports.privacy import Asker

READ, WRITE = "privacy:read", "privacy:write"
_ERASURES = problems(404, s404="No such customer, or no such erasure.")
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it.", "content": {"text/html": {"schema": {"type": "string"}}}},
    **problems(503, s503="A part is out of reach, or the whole takes too long; nothing is shown."),
}
Reader = Annotated[Credential, Depends(require(READ))]
_may_write = require(WRITE)
Writer = Annotated[Credential, Depends(_may_write)]


class ErasureRequest(BaseModel):
    """Whom to forget, by an identifier as a till or a shop knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer: Identifier


def erasures_router(erasing: Erasing, pseudonyms: Pseudonyms) -> APIRouter:
    """Erasures; every route wants the scope `privacy:write`."""
    router = APIRouter(prefix="/v1", tags=["privacy"], dependencies=[Depends(_may_write)], responses=_ERASURES)

    @router.post("/customers/{customer_id}/erasure", summary="Forget a customer", status_code=status.HTTP_202_ACCEPTED)
    async def erase(caller: Writer, customer_id: CustomerIdInPath, response: Response) -> ErasureView:
        """Readable nowhere from this answer on here, and within seconds everywhere; asked again, the same erasure."""
        return _located(await erasing.erase(customer_id, _asker(caller)), response)

    @router.post("/erasures", summary="Forget whoever has an identifier", status_code=status.HTTP_202_ACCEPTED)
    async def erase_with(caller: Writer, request: ErasureRequest, response: Response) -> ErasureView:
        """Also what lies in quarantine only. All identifiers that are known to be of the same person go with it."""
        return _located(await erasing.erase_with(pseudonyms.of(request.customer).key, _asker(caller)), response)

    @router.get("/erasures/{erasure_id}", summary="How far an erasure is")
    async def erasure(
        erasure_id: Annotated[str, Path(max_length=128, description="As the request was answered.")],
    ) -> ErasureView:
        """`complete` when every service has said what it removed."""
        return await erasing.state(erasure_id)

    return router


def exports_router(exporting: Exporting) -> APIRouter:
    """The export; it wants the scope `privacy:read`."""
    router = APIRouter(prefix="/v1/customers", tags=["privacy"], responses=_EXPORT)

    @router.get("/{customer_id}/export", summary="All that is held of a customer", response_model=Export)
    async def export(
        caller: Reader, request_id: RequestId, customer_id: CustomerIdInPath, request: Request
    ) -> Response:
        """Profile, facets, consents with their history, events as far back as topics hold them, decisions with reasons, vouchers.

        As JSON, or as a page with `Accept: text/html`. Whole or not at all: 503 while any part is out of reach. Kept as a look.
        """
        viewer = Viewer(key_id=caller.key_id, roles=frozenset({Role.PRIVACY}), request_id=request_id)
        whole = await exporting.export(customer_id, viewer)
        kept_nowhere = {"cache-control": "no-store", "x-request-id": request_id}
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(page_of(whole), headers=kept_nowhere)
        return Response(whole.model_dump_json(), media_type="application/json", headers=kept_nowhere)

    return router


def _asker(caller: Credential) -> Asker:
    return Asker(key_id=caller.key_id, roles=",".join(sorted(role for role in Role if caller.allows(role.scope))))


def _located(view: ErasureView, response: Response) -> ErasureView:
    response.headers["Location"] = f"/v1/erasures/{view.erasure_id}"
    return view
