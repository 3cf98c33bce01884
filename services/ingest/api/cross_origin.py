"""What browsers ask of a route that pages of other sites may call (CORS); for such routes only, so that no other pays for it."""

from fastapi import Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential
from libs.common.http.direct_routes import DirectRoute
from services.ingest.domain.admission import WRITE

_MAY_ASK_AGAIN_AFTER_SECONDS = "7200"


class CrossOriginRoute(DirectRoute):
    """A direct route whose answers, problems too, may be read by the page that asked."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and tell the browser that the page may read it."""
        shown = _for_origin(Request(scope).headers.get("origin"))

        async def send_shown(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(shown)
            await send(message)

        await super().handle(scope, receive, send_shown)


def check_origin(request: Request, caller: Credential) -> None:
    """A page may use a key only where the key names its site. Raises Forbidden (`wrong-origin`).

    A program sends no origin. It needs none, but for a key that is made for browsers only.
    """
    origin = request.headers.get("origin")
    if origin is None and caller.allows(WRITE):
        return
    if origin is None or origin not in caller.origins:
        raise Forbidden("this key is not for pages of this site", slug="wrong-origin")


async def preflight(request: Request) -> Response:
    """What a browser wants to know before it sends. The key is not told yet, so the origin is judged at the request itself."""
    return Response(
        status_code=204,
        headers={
            **_for_origin(request.headers.get("origin")),
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "authorization, content-type, x-api-key",
            "Access-Control-Max-Age": _MAY_ASK_AGAIN_AFTER_SECONDS,
        },
    )


def _for_origin(origin: str | None) -> dict[str, str]:
    """No credentials of the browser are allowed: the key alone says who may."""
    if origin is None:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }
