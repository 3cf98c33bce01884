"""What a deployment may set; filled from the environment by `__main__` alone."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.streaming import StreamSettings

Positive = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Each is `USUAL_` and its name in capitals, for example `USUAL_KAFKA_BOOTSTRAP`."""

    model_config = SettingsConfigDict(env_prefix="USUAL_", frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+asyncpg://usual_profile:...@host/usual`."""
    kafka_bootstrap: str
    kafka_idempotence: bool = True
    partitions_cap: Annotated[int, Field(ge=1)] = 1_000
    """Topics get the smaller of this and what the contracts declare."""
    topic_replication: Annotated[int, Field(ge=1)] = 1
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    credentials_file: Path | None = None
    """API keys; the role `api` needs it."""
    play_mode: bool = False
    """Event time decides when models learn, and what "now" is when a question names no time."""
    log_level: str = "INFO"

    fold_interval_seconds: Positive = 0.1
    """How often dirty customers are folded while they are fewer than a batch."""
    fold_batch_marks: Annotated[int, Field(ge=1)] = 200
    learning_interval_seconds: Positive = 12 * 3_600.0
    """Models are made when event time completes a whole interval."""
    learning_grace_seconds: Positive = 60.0
    """Live: how long late events are waited for before an interval is learned."""
    learning_chunk_baskets: Annotated[int, Field(ge=1)] = 200
    published_items: Annotated[int, Field(ge=100)] = 4_000
    """How many items' statistics travel beside a model: those sold most in the last months."""
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""

    def stream(self, role: str) -> StreamSettings:
        """How to reach the broker."""
        return StreamSettings(
            bootstrap=self.kafka_bootstrap, client_id=f"usual-profile-{role}", idempotence=self.kafka_idempotence
        )
