"""The ordinary request for a customer's page, answered ahead of FastAPI; whatever is unusual takes the declared route."""

import re
from collections.abc import Mapping

from fastapi import Request, Response
from pydantic import TypeAdapter

from libs.common.http.direct_routes import ShortCut
from libs.common.pseudonyms import Pseudonyms
from services.profile.api.viewer import REQUEST_ID, request_id_for, viewer_in
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.looking import Looking, Viewer
from services.profile.handlers.shapes import CustomerView

_CUSTOMER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 128
_PAGE: TypeAdapter[CustomerView] = TypeAdapter(CustomerView)


def short_cuts(looking: Looking, pseudonyms: Pseudonyms) -> Mapping[str, ShortCut]:
    """By the path of the declared route."""

    async def by_id(request: Request) -> Response | None:
        customer_id = request.scope["path"].rpartition("/")[2]
        return await page(customer_id, _viewer(request)) if _CUSTOMER_ID.fullmatch(customer_id) else None

    async def by_identifier(request: Request) -> Response | None:
        identifier = _plain_identifier(request)
        if identifier is None:
            return None
        viewer = _viewer(request)  # first: whoever may not ask learns nothing of identifiers
        return await page(own_customer_id(pseudonyms.key_of(identifier)), viewer)

    async def page(customer_id: str, viewer: Viewer) -> Response:
        view = await looking.customer(customer_id, viewer)
        return Response(_PAGE.dump_json(view), headers={REQUEST_ID: viewer.request_id}, media_type="application/json")

    return {"/v1/customers": by_identifier, "/v1/customers/{customer_id}": by_id}


def _viewer(request: Request) -> Viewer:
    return viewer_in(request, request_id_for(request.headers.get(REQUEST_ID)))


def _plain_identifier(request: Request) -> str | None:
    """The identifier that is asked for, if nothing else is and nobody could object to how it is written."""
    match request.query_params.multi_items():
        case [("identifier", stated)] if stated.isascii() and stated.isprintable() and 0 < len(stated) <= _LONGEST:
            return stated
    return None
