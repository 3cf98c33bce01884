"""What happens again and again, not event by event: closing and reviewing by the clock of a live deployment, measuring."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from services.inventory.bootstrap.edi import storage_of as edi_storage_of
from services.inventory.bootstrap.parts import Parts, piece_by_piece
from services.inventory.bootstrap.webhooks import storage_of
from services.inventory.domain.stock.shelves import day_of
from services.inventory.handlers.assortment.trials import judge_trials
from services.inventory.handlers.closing.days import Closer
from services.inventory.handlers.reviewing import Reviewer
from services.inventory.store import store_of
from services.inventory.store.commands.log import UNNUMBERED
from services.inventory.store.forgetting import TOGETHER, Past, forget_past
from services.inventory.store.reviewing import KEPT_DAYS

Round = Callable[[], Awaitable[int]]


def review_round(parts: Parts, reviewer: Reviewer) -> Round:
    """Reviews what was touched, as of the server's clock; several workers share the agenda."""

    async def run() -> int:
        await reviewer.run(parts.clock.now())
        return 0

    return run


def close_round(parts: Parts, closer: Closer) -> Round:
    """Closes the days whose grace is over by the server's clock; several workers share their items."""
    grace = timedelta(minutes=parts.settings.close_after_minutes)

    async def run() -> int:
        return await closer.run(parts.clock.now(), grace=grace)

    return run


def numbering_round(parts: Parts) -> Round:
    """Gives positions to what happened to commands, so that live readers and webhooks see it; several workers take turns."""

    async def number() -> int:
        if not await parts.transactions.peek(UNNUMBERED):
            return 0
        async with parts.transactions.begin() as tx:
            return await store_of(tx).log.number()

    return number


def forgetting_round(parts: Parts) -> Round:
    """Forgets what is over: each thing as long after as it is kept, by the time of what happened; receipts by the server's clock."""

    async def forget() -> int:
        async with parts.transactions.begin() as tx:
            store = store_of(tx)
            now = (await store.exceptions.reached_at() if parts.settings.play_mode else None) or parts.clock.now()
            await store.assortment.forget(day_of(now))
        logged = now - timedelta(days=parts.settings.command_log_days)
        over = min(logged, now - timedelta(days=KEPT_DAYS))  # what is usual of an order is asked of weeks
        heard = parts.clock.now() - timedelta(days=KEPT_DAYS)
        await piece_by_piece(parts, lambda tx: store_of(tx).log.forget(logged, TOGETHER))
        for past in Past:
            before = heard if past is Past.RECEIPTS else over
            await piece_by_piece(parts, partial(forget_past, past=past, before=before))
        return 0

    return forget


def trials_round(parts: Parts) -> Round:
    """Looks at what was introduced, once a closed day; several workers share the trials."""

    async def judge() -> int:
        async with parts.transactions.begin() as tx:
            return await judge_trials(store_of(tx))

    return judge


def measure_round(parts: Parts) -> Round:
    """Sets the gauges."""

    async def measure() -> int:
        async with parts.transactions.begin() as tx:
            found = await store_of(tx).views.gauges()
            hooks = await storage_of(tx).webhooks.waiting()
            partners = await edi_storage_of(tx).edi.waiting()
        parts.metrics.show({**found, **hooks, **partners})
        return 0

    return measure
