"""The same id or key is for the same question, and gets the same answer; `Once` makes that true of any write."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass

from libs.common.clock import Clock
from libs.common.errors import InFlight, InvalidInput, RetryableError
from services.offers.metrics import OffersMetrics
from services.offers.ports.repeating import Answer, AnswerStore, KeptAnswer

_PAUSES_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""Between two looks at a request that somebody else works on: most are answered within the first two."""
_FIRST_ERROR = 400
FORGOTTEN_TOGETHER = 1_000


def check_same(asked_then: bytes | None, asked_now: bytes | None, id_name: str) -> None:
    """Raise InvalidInput when another question was asked under this id; None: nobody noted what was asked."""
    if asked_then is not None and asked_now is not None and asked_then != asked_now:
        raise InvalidInput(f"this {id_name} was used for another request", slug="other-request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Does what is asked under a key once. `begin` begins a transaction that everything within its block takes part in."""

    begin: Callable[[], AbstractAsyncContextManager[AnswerStore]]
    clock: Clock
    metrics: OffersMetrics
    deadline_seconds: float

    async def answer(self, name: bytes, asked: bytes, work: Callable[[], Awaitable[Answer]]) -> tuple[Answer, bool]:
        """What `work` answers, kept in the transaction of its effect; or what was answered before, and True.

        An error is not kept, and has no effect. Raises InvalidInput when something else was asked under this name, InFlight
        when the same is still under way after a short wait, RetryableError when it is not known in time whether it happened.
        """
        try:
            async with asyncio.timeout(self.deadline_seconds):
                for pause_seconds in (*_PAUSES_SECONDS, None):
                    known = await self._tried(name, asked, work)
                    if known is not None:
                        return known
                    if pause_seconds is not None:
                        await _pause(pause_seconds)
        except TimeoutError as error:
            raise RetryableError("the database did not answer in time; ask again with the same key") from error
        self.metrics.keyed_writes.labels("in-flight").inc()
        raise InFlight("the same request is under way")

    async def _tried(
        self, name: bytes, asked: bytes, work: Callable[[], Awaitable[Answer]]
    ) -> tuple[Answer, bool] | None:
        """The answer, and whether it is a repeat; None while somebody else works on it."""
        try:
            async with self.begin() as store:
                known = await store.claim(name)
                answer = await self._worked(store, name, asked, work) if known is True else None
        except _Failed as failed:
            self.metrics.keyed_writes.labels("failed").inc()
            return failed.answer, False
        except _KeptMeanwhile:
            return None
        if answer is not None:
            self.metrics.keyed_writes.labels("done").inc()
            return answer, False
        if isinstance(known, bool):
            return None
        self.metrics.keyed_writes.labels("repeat" if known.asked == asked else "other").inc()
        check_same(known.asked, asked, "Idempotency-Key")
        return known.answer, True

    async def _worked(
        self, store: AnswerStore, name: bytes, asked: bytes, work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """The answer, kept; raises what takes the transaction back."""
        answer = await work()
        if answer.status >= _FIRST_ERROR:
            raise _Failed(answer)
        if not await store.keep(name, KeptAnswer(answer=answer, asked=asked), self.clock.now()):
            raise _KeptMeanwhile
        return answer


class _Failed(Exception):
    """The work answered with an error: nothing of it may stay."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _KeptMeanwhile(Exception):
    """Somebody else's answer was committed first: nothing of ours may stay."""


async def _pause(seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
