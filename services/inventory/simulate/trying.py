"""A step of a played world, tried again while the database says "not now": a busy machine is no reason to refuse a simulator."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from libs.common.errors import RetryableError
from libs.common.persistence import Backoff

Done = TypeVar("Done")
GREATEST_ATTEMPTS = 60
"""With the usual back-off some minutes: a database that is away for longer does not come back by itself."""


async def until_done(step: Callable[[], Awaitable[Done]], backoff: Backoff) -> Done:
    """What `step` comes to, which must be safe to repeat. Raises RetryableError when it did not succeed for minutes."""
    attempt = 1
    while True:
        try:
            return await step()
        except RetryableError:
            if attempt == GREATEST_ATTEMPTS:
                raise
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), backoff.delay_seconds(attempt))
        attempt += 1
