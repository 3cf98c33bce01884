"""The role `worker`: keeps the copies, ends vouchers, publishes."""

from libs.common.service import run_as_worker
from services.offers.bootstrap import assemble, worker_of
from services.offers.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Consume, expire and publish until SIGTERM or SIGINT."""
    parts = assemble(settings, "worker")
    await run_as_worker(parts, worker_of(parts))
