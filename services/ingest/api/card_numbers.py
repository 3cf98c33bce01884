"""Refuses card numbers wherever a request may carry one beside its events: in path, query, CloudEvents headers and orders.

Pure ASGI around the whole service. The events themselves are looked through one by one, so that no neighbour suffers.
"""

from collections.abc import Sequence
from urllib.parse import unquote_plus

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.card_numbers import CardNumberFound, CardNumberGuard
from libs.common.errors import TooLarge, UsualError
from libs.common.http.problems import STATUS, problem

_ORDERS = ("/v1/quarantine",)
"""Where a body is an order and holds no events that could be refused one by one."""
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RefuseCardNumbers:
    """Answers 422 (`card-number`) before anything of the request is kept, logged or counted by name."""

    def __init__(self, app: ASGIApp, *, guard: CardNumberGuard, refused: Counter, greatest_body_bytes: int) -> None:
        self._app = app
        self._guard = guard
        self._refused = refused
        self._greatest_body_bytes = greatest_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is clean."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check_head(scope)
            if scope["method"] not in _READING and scope["path"].startswith(_ORDERS):
                receive = await self._checked_body(receive)
        except UsualError as error:
            if isinstance(error, CardNumberFound):
                self._refused.labels("request").inc()
            await problem(STATUS[error.kind], error.slug, error.detail, error.context)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_head(self, scope: Scope) -> None:
        texts = [scope["path"]]
        if scope["query_string"]:
            texts.append(unquote_plus(scope["query_string"].decode("latin-1")))
        texts += [text.decode("latin-1") for name, text in scope["headers"] if name.startswith(b"ce-")]
        if any(map(self._guard.is_in_text, texts)):
            raise CardNumberFound

    async def _checked_body(self, receive: Receive) -> Receive:
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._greatest_body_bytes:
                raise TooLarge(f"a body may have {self._greatest_body_bytes} bytes", slug="body-too-large")
            if message["type"] != "http.request" or not message.get("more_body", False):
                break
        self._guard.check(b"".join(message.get("body", b"") for message in messages))
        return _again(messages, receive)


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """What was received already, then what follows."""
    waiting = list(messages)

    async def once_more() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return once_more
