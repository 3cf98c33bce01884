"""How many bytes a body may have, wherever it goes: frameworks read a body whole, before they ask for a key."""

import re
from dataclasses import dataclass

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.http.problems import problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """What the bodies of one door may come to. `streamed` names paths that read theirs in pieces, within limits of their own."""

    greatest_bytes: int = 4 * 1024 * 1024
    streamed: re.Pattern[str] | None = None

    def are_bounded_at(self, path: str) -> bool:
        """Whether the bound holds there."""
        return self.streamed is None or self.streamed.fullmatch(path) is None


USUAL_BODIES = Bodies()


class BodyTooLarge(HTTPException):
    """Raised where a body is read; FastAPI passes this kind on as it is."""

    slug = "body-too-large"

    def __init__(self, greatest_bytes: int) -> None:
        super().__init__(413, f"a body may have {greatest_bytes} bytes")


class BoundedBodies:
    """Pure ASGI: a body that states a greater length is refused unread, another one as soon as it passes the bound."""

    def __init__(self, app: ASGIApp, bodies: Bodies) -> None:
        self._app = app
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, its body bounded."""
        if scope["type"] != "http" or not self._bodies.are_bounded_at(scope["path"]):
            await self._app(scope, receive, send)
            return
        greatest_bytes, size = self._bodies.greatest_bytes, 0
        if _stated_bytes(scope) > greatest_bytes:
            refusal = BodyTooLarge(greatest_bytes)
            await problem(refusal.status_code, refusal.slug, refusal.detail)(scope, receive, send)
            return

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > greatest_bytes:
                raise BodyTooLarge(greatest_bytes)
            return message

        await self._app(scope, bounded, send)


def _stated_bytes(scope: Scope) -> int:
    """The length in its head, 0 where there is none: the server has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()), 0)
