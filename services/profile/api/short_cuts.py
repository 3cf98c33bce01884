"""The ordinary request for a customer's page, answered ahead of FastAPI; whatever is unusual takes the declared route."""

import re
from collections.abc import Mapping

from fastapi import Request, Response
from pydantic import TypeAdapter

from libs.common.http.direct_routes import ShortCut
from libs.common.pseudonyms import Pseudonyms
from services.profile.api.viewer import REQUEST_ID, request_id_for, viewer_in
from services.profile.handlers.intake import own_customer_id
from services.profile.handlers.looking import Looking
from services.profile.handlers.shapes import CustomerView

_CUSTOMER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 128
_PAGE: TypeAdapter[CustomerView] = TypeAdapter(CustomerView)


def short_cuts(looking: Looking, pseudonyms: Pseudonyms) -> Mapping[str, ShortCut]:
    """By the path of the declared route."""

    async def by_id(request: Request) -> Response | None:
        customer_id = request.scope["path"].rpartition("/")[2]
        return await answer(request, customer_id) if _CUSTOMER_ID.fullmatch(customer_id) else None

    async def by_identifier(request: Request) -> Response | None:
        asked = request.query_params.multi_items()
        if len(asked) != 1 or asked[0][0] != "identifier":
            return None
        identifier = asked[0][1]
        plain = identifier.isascii() and identifier.isprintable() and 0 < len(identifier) <= _LONGEST
        return await answer(request, own_customer_id(pseudonyms.key_of(identifier))) if plain else None

    async def answer(request: Request, customer_id: str) -> Response:
        request_id = request_id_for(request.headers.get(REQUEST_ID))
        view = await looking.customer(customer_id, viewer_in(request, request_id))
        return Response(_PAGE.dump_json(view), headers={REQUEST_ID: request_id}, media_type="application/json")

    return {"/v1/customers": by_identifier, "/v1/customers/{customer_id}": by_id}
