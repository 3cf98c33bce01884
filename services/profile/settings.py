"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from typing import Annotated

from pydantic import Field

from libs.common.service import Positive, ServiceSettings


class Settings(ServiceSettings):
    """What every service has, and how this one folds and learns."""

    fold_interval_seconds: Positive = 0.1
    """How often dirty customers are folded while they are fewer than a batch."""
    fold_batch_marks: Annotated[int, Field(ge=1)] = 200
    segment_batch_customers: Annotated[int, Field(ge=1, le=5_000)] = 200
    """How many customers are looked at in one round after a change of a segment's rule."""
    learning_interval_seconds: Positive = 12 * 3_600.0
    """Models are made when event time completes a whole interval."""
    learning_grace_seconds: Positive = 60.0
    """Live: how long late events are waited for before an interval is learned."""
    learning_chunk_baskets: Annotated[int, Field(ge=1)] = 200
    published_items: Annotated[int, Field(ge=100)] = 4_000
    """How many items' statistics travel beside a model: those sold most in the last months."""
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""
