"""`GET /v1/tracker.js`: the script that a shop's pages load; what it sends goes to the Segment door."""

from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request, Response

_KEPT_SECONDS = 3600
_SOURCE = Path(__file__).with_name("tracker.js").read_text(encoding="utf-8")


def served(source: str) -> bytes:
    r"""A script as browsers get it: without indents, empty lines and lines that are comments.

    >>> served("// why\nif (a) {\n  b()\n\n}")
    b'if (a) {\nb()\n}\n'
    """
    lines = (line.strip() for line in source.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//")).encode()


def tracker_router() -> APIRouter:
    """The script, the same for every shop: the page that loads it names its key."""
    router = APIRouter(tags=["tracker"])
    script = served(_SOURCE)
    headers = {
        "ETag": f'"{sha256(script).hexdigest()[:32]}"',
        "Cache-Control": f"public, max-age={_KEPT_SECONDS}",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Content-Type-Options": "nosniff",
    }

    @router.get(
        "/v1/tracker.js", response_class=Response, responses=_RESPONSES, summary="The browser tracker, under 4 KB"
    )
    async def tracker(request: Request) -> Response:
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(script, media_type="text/javascript", headers=headers)

    return router


_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/javascript": {"schema": {"type": "string"}}}},
    304: {"description": "The caller has it already."},
}
