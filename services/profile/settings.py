"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from libs.common.service import Positive, ServiceSettings


class Settings(ServiceSettings):
    """What every service has, and how this one folds and learns."""

    fold_interval_seconds: Positive = 0.1
    """How often dirty customers are folded while they are fewer than a batch."""
    fold_batch_marks: Annotated[int, Field(ge=1)] = 100
    fold_share_when_behind: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The part of the time that folding may take while contacts wait that are older than a few seconds."""
    fold_share_beside: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The same where processes beside the worker fold: they take a core that the worker leaves idle."""
    fold_patience_seconds: Positive = 10.0
    """While contacts come late, how long a change waits at most to be folded together with others of its customer."""
    fold_processes: Annotated[int, Field(ge=0, le=16)] = 0
    """Processes that fold beside the worker, where there are cores to spare; with none the worker folds by itself."""
    receipts_kept_days: Annotated[int, Field(ge=1)] = 400
    """How long a return or a void finds its receipt, and waits for one that is not known yet."""
    segment_batch_customers: Annotated[int, Field(ge=1, le=5_000)] = 200
    """How many customers are looked at in one round after a change of a segment's rule."""
    learning_interval_seconds: Positive = 12 * 3_600.0
    """Models are made when event time completes a whole interval."""
    learning_grace_seconds: Positive = 60.0
    """Live: how long late events are waited for before an interval is learned."""
    learning_chunk_baskets: Annotated[int, Field(ge=1)] = 500
    learning_customers_kept: Annotated[int, Field(ge=1)] = 10_000
    """How many customers the learner has at hand; the others are read when they shop."""
    published_items: Annotated[int, Field(ge=100)] = 4_000
    """How many items' statistics travel beside a model: those sold most in the last months."""
    ingest_url: str | None = None
    """Where ingest's door is, for exports: it opens what is sealed."""
    offers_url: str | None = None
    """Where offers' door is, for exports."""
    service_key_file: Path | None = None
    """This service's own API key, with the scope `privacy:read`."""
    export_seconds: Positive = 60.0
    """An export that is not whole by then is refused."""
    checkpoint_file: Path | None = None
    """What the role `checkpoint` writes; one that is there is replaced once the new one is whole."""
    rebuild_name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")] = "latest"
    """The role `rebuild` works in the schema `profile_rebuild_<name>`."""
    rebuild_from: Path | None = None
    """The checkpoint that it starts from; without one it reads the topics from their beginning."""
    rebuild_until: Literal["live", "end"] = "live"
    """How far it reads: to where the live worker stood when it looked, or to the end of the topics."""
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""

    @property
    def share_when_behind(self) -> float:
        """The one of the two shares that holds."""
        return self.fold_share_beside if self.fold_processes else self.fold_share_when_behind
