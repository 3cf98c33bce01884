"""What a deployment may set; filled from the environment by `__main__` alone."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.streaming.settings import StreamSettings
from services.ingest.domain.admission import Rules

Positive = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Each is `USUAL_` and its name in capitals, for example `USUAL_KAFKA_BOOTSTRAP`."""

    model_config = SettingsConfigDict(env_prefix="USUAL_", frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+asyncpg://usual_ingest:...@host/usual`."""
    kafka_bootstrap: str
    kafka_idempotence: bool = True
    partitions_cap: Annotated[int, Field(ge=1)] = 1_000
    """Topics get the smaller of this and what the contracts declare."""
    topic_replication: Annotated[int, Field(ge=1)] = 1
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    credentials_file: Path
    play_mode: bool = False
    log_level: str = "INFO"
    publish_deadline_seconds: Positive = 0.8
    """After this an event that was not acknowledged is answered as unknown."""
    quarantine_deadline_seconds: Positive = 0.8
    body_deadline_seconds: Positive = 10.0
    greatest_body_bytes: Annotated[int, Field(ge=1)] = 4_000_000
    greatest_batch: Annotated[int, Field(ge=1)] = 1_000
    greatest_event_bytes: Annotated[int, Field(ge=1)] = 64 * 1024
    in_flight_bytes: Annotated[int, Field(ge=1)] = 64_000_000
    """Bodies under way in one process; above this a request is sent away with `Retry-After`."""
    clock_ahead_seconds: Positive = 300.0
    clock_behind_days: Positive = 400.0

    def stream(self, *, deadline_seconds: float) -> StreamSettings:
        """How to reach the broker, every call to it under `deadline_seconds`."""
        return StreamSettings(
            bootstrap=self.kafka_bootstrap,
            client_id="usual-ingest",
            idempotence=self.kafka_idempotence,
            call_deadline_seconds=deadline_seconds,
        )

    def rules(self) -> Rules:
        """What this deployment admits."""
        return Rules(
            play_mode=self.play_mode,
            greatest_event_bytes=self.greatest_event_bytes,
            ahead=timedelta(seconds=self.clock_ahead_seconds),
            behind=timedelta(days=self.clock_behind_days),
        )
