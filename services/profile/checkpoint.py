"""The role `checkpoint`: one consistent copy of everything as a file, and is nothing else."""

from services.profile.bootstrap.checkpointing import take_checkpoint
from services.profile.bootstrap.parts import assemble_job
from services.profile.settings import Settings


async def run_checkpoint(settings: Settings) -> None:
    """Write the checkpoint and return; raises InvalidInput, RetryableError, OSError, and then there is none."""
    parts = assemble_job(settings, "checkpoint")
    try:
        await take_checkpoint(parts)
    finally:
        await parts.engine.dispose()
