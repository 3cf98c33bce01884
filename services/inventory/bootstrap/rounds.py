"""What happens again and again, not event by event: reviewing by the clock of a live deployment, measuring."""

from collections.abc import Awaitable, Callable

from services.inventory.bootstrap.parts import Parts
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.store import store_of

Round = Callable[[], Awaitable[int]]


def review_round(parts: Parts, reviewer: Reviewer) -> Round:
    """Reviews what was touched, as of the server's clock; several workers share the agenda."""

    async def run() -> int:
        await reviewer.run(parts.clock.now())
        return 0

    return run


def measure_round(parts: Parts) -> Round:
    """Sets the gauges."""

    async def measure() -> int:
        async with parts.transactions.begin() as tx:
            found = await store_of(tx).views.gauges()
        parts.metrics.show(found)
        return 0

    return measure
