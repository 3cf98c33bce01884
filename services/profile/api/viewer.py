"""Who looks at customers: the key's roles, and a name for the request that the record of looks keeps."""

import re
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from libs.common.errors import Forbidden
from libs.common.http.credentials import API_KEY, Credentials, key_in
from libs.common.ids import random_id
from services.profile.domain.roles import Role
from services.profile.handlers.looking import Viewer

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


async def request_id_of(
    response: Response,
    x_request_id: Annotated[
        str | None, Header(description="Names the request in the record of looks; made up where it is missing or odd.")
    ] = None,
) -> str:
    """The request's name, which the answer carries too."""
    request_id = request_id_for(x_request_id)
    response.headers[REQUEST_ID] = request_id
    return request_id


def request_id_for(stated: str | None) -> str:
    """What was stated, where it may stand in the record; else a new one."""
    return stated if stated and _REQUEST_ID.fullmatch(stated) else random_id()


RequestId = Annotated[str, Depends(request_id_of)]


async def viewer_of(request: Request, request_id: RequestId, _described: API_KEY = None) -> Viewer:
    """The caller in all the roles that its key carries; raises Unauthenticated or Forbidden."""
    return viewer_in(request, request_id)


def viewer_in(request: Request, request_id: str) -> Viewer:
    """The same, of a request that was not taken apart."""
    credentials: Credentials = request.app.state.credentials
    known = credentials.authenticate(key_in(request))
    roles = frozenset(role for role in Role if known.allows(role.scope))
    if not roles:
        scopes = ", ".join(role.scope for role in Role)
        raise Forbidden(f"this key lacks a role that sees customers: {scopes}", slug="missing-scope")
    return Viewer(key_id=known.key_id, roles=roles, request_id=request_id)


Asked = Annotated[Viewer, Depends(viewer_of)]
