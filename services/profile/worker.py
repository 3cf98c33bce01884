"""The role `worker`: consumes contacts, folds, publishes."""

from libs.common.service import run_as_worker
from services.profile.bootstrap import assemble, worker_of
from services.profile.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Consume, fold and publish until SIGTERM or SIGINT."""
    parts = assemble(settings, "worker")
    await run_as_worker(parts, worker_of(parts))
