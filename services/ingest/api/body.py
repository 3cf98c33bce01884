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
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(limits.body_deadline_seconds):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise HTTPException(400, "the caller left")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > limits.greatest_body_bytes:
                    raise _too_large(limits)
                share.take(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, "the body did not come in time") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"a body may have {limits.greatest_body_bytes} bytes", slug="body-too-large")
