"""How to reach the broker and how to read from it; filled from the environment by each service's `__main__`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]


class StreamSettings(BaseModel):
    """Frozen. The defaults fit Apache Kafka; the embedded broker needs `idempotence=False`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap: str
    """`host:port`, several separated by commas."""
    client_id: str = "usual"
    idempotence: bool = True
    """Whether the broker knows the idempotent producer. Without it a retried send may be doubled: consumers deduplicate."""

    session_timeout_seconds: Positive = 10.0
    heartbeat_seconds: Positive = 3.0
    rebalance_timeout_seconds: Positive = 60.0
    batch_max_records: Annotated[int, Field(ge=1)] = 500
    """Of all partitions together in one poll; each of them makes a batch of its own."""
    fetch_partition_bytes: Annotated[int, Field(ge=1)] = 1_048_576
    """The most that is fetched of a partition at once, and so the greatest batch in bytes."""
    poll_seconds: Positive = 0.2
    poll_deadline_seconds: Positive = 30.0
    """A poll may wait for a rebalance; past this it is given up, and every partition is claimed again."""
    call_deadline_seconds: Positive = 10.0
    """For metadata, offsets and a send's acknowledgement."""
    stop_deadline_seconds: Positive = 10.0
    fetch_max_wait_ms: Annotated[int, Field(ge=1)] = 100
    max_poll_interval_seconds: Positive = 300.0
