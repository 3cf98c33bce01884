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
    """`postgresql+asyncpg://usual_inventory:...@host/usual`."""
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
    """Ticks on `ingest.play.v1` say when to review, and what time it is; else a timer does."""
    log_level: str = "INFO"

    review_interval_seconds: Positive = 5.0
    """Live: how often what was touched is reviewed."""
    review_batch_items: Annotated[int, Field(ge=1)] = 1_000
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""

    service_fast_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.97
    """Chance of no empty shelf between two arrivals, for items that sell a piece a day or more in a store."""
    service_usual_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.95
    service_slow_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.85
    """For items that sell less than a piece a week in a store."""
    transfer_line_cents: Annotated[int, Field(ge=0)] = 30
    transfer_unit_cents: Annotated[int, Field(ge=0)] = 5

    def stream(self, role: str) -> StreamSettings:
        """How to reach the broker."""
        return StreamSettings(
            bootstrap=self.kafka_bootstrap, client_id=f"usual-inventory-{role}", idempotence=self.kafka_idempotence
        )
