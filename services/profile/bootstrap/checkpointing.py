"""Takes a checkpoint of the live schema while its workers go on."""

from datetime import timedelta

import structlog

from libs.common.errors import InvalidInput
from libs.common.ids import random_id
from services.profile.bootstrap.parts import Parts
from services.profile.domain.checkpoint import CheckpointHeader
from services.profile.store.checkpoint_file import CheckpointWriter
from services.profile.store.checkpoints import write_checkpoint

_log = structlog.get_logger(__name__)


async def take_checkpoint(parts: Parts) -> CheckpointHeader:
    """Write the checkpoint that the settings name; returns what it is of. Raises InvalidInput, RetryableError, OSError."""
    path = parts.settings.checkpoint_file
    if path is None:
        raise InvalidInput("the role checkpoint needs USUAL_CHECKPOINT_FILE", slug="no-checkpoint-file-named")
    began = parts.clock.monotonic_seconds()
    with CheckpointWriter(path) as writer:
        async with parts.transactions.snapshot() as tx:
            header = await write_checkpoint(
                tx, writer, checkpoint_id=random_id(), taken_at=parts.clock.now(), told=tell_rows
            )
    took = timedelta(seconds=parts.clock.monotonic_seconds() - began)
    _log.info("checkpoint taken", checkpoint_id=header.checkpoint_id, bytes=writer.written_bytes, took=str(took))
    return header


def tell_rows(table: str, rows: int) -> None:
    """How far a checkpoint is, into the log."""
    _log.info("rows done", table=table, rows=rows)
