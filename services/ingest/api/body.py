"""A request's body, read within limits: nothing is buffered that will not be looked at."""

import asyncio
from dataclasses import dataclass

from fastapi import HTTPException, Request

from libs.common.errors import TooLarge
from services.ingest.domain.intake import Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may bring, and how long it may take to do so."""

    greatest_body_bytes: int
    greatest_batch: int
    body_deadline_seconds: float


async def read_body(request: Request, limits: Limits, share: Share) -> bytes:
    """The whole body, counted into `share` as it comes.

    Raises TooLarge (before reading when the length is declared), IntakeFull, and HTTPException for a caller that sends
    too slowly, compressed, or not at all.
    """
    headers = dict(request.scope["headers"])
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise HTTPException(415, "compressed bodies are not read")
    if int(headers.get(b"content-length", b"0")) > limits.greatest_body_bytes:
        raise _too_large(limits)
    # A body that came with its head needs no clock; one that does not come at all is the server's to end.
    first, more = await _chunk(request)
    _check_size(len(first), limits)
    share.take(len(first))
    return first + await _rest(request, len(first), limits, share) if more else first


async def _rest(request: Request, size: int, limits: Limits, share: Share) -> bytes:
    """What of the body did not come at once; `size` is what did."""
    chunks, more = [], True
    try:
        async with asyncio.timeout(limits.body_deadline_seconds):
            while more:
                chunk, more = await _chunk(request)
                size += len(chunk)
                _check_size(size, limits)
                share.take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, "the body did not come in time") from None
    return b"".join(chunks)


async def _chunk(request: Request) -> tuple[bytes, bool]:
    """The next piece, and whether there is more."""
    message = await request.receive()
    if message["type"] == "http.disconnect":
        raise HTTPException(400, "the caller left")
    return message.get("body", b""), message.get("more_body", False)


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.greatest_body_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"a body may have {limits.greatest_body_bytes} bytes", slug="body-too-large")
