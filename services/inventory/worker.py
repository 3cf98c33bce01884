"""The role `worker`: applies facts, reviews what they touched, publishes."""

from libs.common.service import run_as_worker
from services.inventory.bootstrap import assemble, worker_of
from services.inventory.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Apply facts, review and publish until SIGTERM or SIGINT."""
    parts = assemble(settings, "worker")
    await run_as_worker(parts, worker_of(parts))
