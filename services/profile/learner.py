"""The role `learner`: learns from queued baskets, publishes models."""

from libs.common.service import run_as_worker
from services.profile.bootstrap import assemble, learner_of
from services.profile.settings import Settings


async def run_learner(settings: Settings) -> None:
    """Learn and publish models until SIGTERM or SIGINT."""
    parts = assemble(settings, "learner")
    await run_as_worker(parts, learner_of(parts))
