"""`GET /v1/commands/stream`: what happens to commands as server-sent events, from wherever a reader stopped.

A reader that does not read is cut off by the server's connection guard; it comes back with the last id that it saw.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response, Security
from fastapi.security import APIKeyHeader
from starlette.types import Receive, Scope, Send

from libs.common.contracts.values import Key
from libs.common.errors import InvalidInput, Unauthenticated
from libs.common.http.credentials import Credential, key_in, require
from services.inventory.api.commands.shapes import StreamedChange, streamed_change
from services.inventory.api.shapes import problems
from services.inventory.domain.commands.changes import What
from services.inventory.handlers.commands.live import LiveFeed
from services.inventory.ports import LogFilter, LogPage

API_KEY = Security(APIKeyHeader(name="X-Api-Key", auto_error=False, description="or `Authorization: Bearer`"))
Reader = Annotated[Credential, Depends(require("inventory:read"))]
_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_GREATEST_POSITION = 2**63 - 1
_LONGEST_POSITION = len(str(_GREATEST_POSITION))
_STALL_SECONDS = 0.4
"""A reader that makes us wait for longer than this is slow."""


def live_router(feed: LiveFeed) -> APIRouter:
    """The route, bound to the feed."""
    router = APIRouter(prefix="/v1", tags=["commands"], dependencies=[API_KEY])

    @router.get(
        "/commands/stream",
        summary="What happens to commands, live",
        response_class=Response,
        responses={
            200: {
                "content": {_TYPE: {"schema": StreamedChange.model_json_schema()}},
                "description": "Events, without end.",
            },
            **problems(401, 403, 422, 503),
        },
    )
    async def get_stream(  # noqa: PLR0913 - its filters
        request: Request,
        _caller: Reader,
        change: Annotated[list[What], Query()] = [],  # noqa: B006 - FastAPI's way to say: none
        kind: Literal["reorder", "reroute"] | None = None,
        item_id: Key | None = None,
        store_id: Key | None = None,
        supplier_id: Key | None = None,
        cursor: str | None = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Server-sent events: `id` is the cursor, `event` the change, `data` the command as JSON.

        Act on `sent`, once per command and version; drop it on `withdrawn` and `expired`. Start with `cursor=0` for all that is
        kept, without a cursor for what happens from now on; come back with `Last-Event-ID`. A comment comes when nothing happens
        for a while, with the id to go on from.
        """
        wanted = LogFilter(
            changes=frozenset(one.value for one in change),
            kind=kind,
            item_id=item_id,
            store_id=store_id,
            supplier_id=supplier_id,
        )
        after = _position_in(last_event_id if last_event_id is not None else cursor)
        feed.check_room()
        first, last = await feed.ends()
        start = last if after is None else after
        opening = b": hello\nid: %d\n\n" % start
        opening += b'event: gap\ndata: {"first": %d}\n\n' % first if after and after + 1 < first else b""
        return EventStream(feed, opening, feed.follow(start, wanted), _still_allowed(request))

    return router


class EventStream(Response):
    """Pages as server-sent events until the reader goes, its key ends, or the process stops."""

    media_type = _TYPE

    def __init__(
        self, feed: LiveFeed, opening: bytes, pages: AsyncGenerator[LogPage, None], is_allowed: Callable[[], bool]
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._feed, self._opening, self._pages, self._is_allowed = feed, opening, pages, is_allowed
        self._stalled_since: float | None = None
        self._last_stall_seconds = 0.0

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the two ends; the other is ended too."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and self._was_stalled():
                self._feed.metrics.slow_readers.inc()
        finally:
            for task in (telling, leaving):
                task.cancel()
            await asyncio.wait({telling, leaving})
        if not telling.cancelled():
            telling.result()

    async def _tell(self, send: Send) -> None:
        await self._send(send, self._opening)
        async with aclosing(self._pages) as pages:
            async for page in pages:
                if not self._is_allowed():
                    break
                await self._send(send, _written(page))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        self._stalled_since = began = _seconds()
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._last_stall_seconds, self._stalled_since = _seconds() - began, None

    def _was_stalled(self) -> bool:
        """Whether it went while, or right after, we waited for it to read: a cut connection ends the wait before it is told."""
        since = self._stalled_since
        return (self._last_stall_seconds if since is None else _seconds() - since) >= _STALL_SECONDS


def _seconds() -> float:
    return asyncio.get_running_loop().time()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _written(page: LogPage) -> bytes:
    if not page.entries:
        return b": nothing new\nid: %d\n\n" % page.reached
    parts = []
    for entry in page.entries:
        body = streamed_change(entry).model_dump_json()
        parts.append(f"id: {entry.position}\nevent: {entry.change.what.value}\ndata: {body}\n\n")
    return "".join(parts).encode()


def _position_in(stated: str | None) -> int | None:
    if stated is None or stated == "":
        return None
    if not stated.isdecimal() or len(stated) > _LONGEST_POSITION or int(stated) > _GREATEST_POSITION:
        raise InvalidInput("a cursor is the id of an event of this stream", slug="invalid-cursor")
    return int(stated)


def _still_allowed(request: Request) -> Callable[[], bool]:
    credentials: Any = request.app.state.credentials
    key = key_in(request)

    def check() -> bool:
        try:
            return bool(credentials.authenticate(key).allows("inventory:read"))
        except Unauthenticated:
            return False

    return check
