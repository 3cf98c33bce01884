"""What a deployment may set; filled from the environment by `__main__` alone."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.streaming.settings import StreamSettings

Positive = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Each is `USUAL_` and its name in capitals, for example `USUAL_KAFKA_BOOTSTRAP`."""

    model_config = SettingsConfigDict(env_prefix="USUAL_", frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+asyncpg://usual_offers:...@host/usual`."""
    kafka_bootstrap: str
    kafka_idempotence: bool = True
    partitions_cap: Annotated[int, Field(ge=1)] = 1_000
    """Topics get the smaller of this and what the contracts declare."""
    topic_replication: Annotated[int, Field(ge=1)] = 1
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    credentials_file: Path | None = None
    """Of the api role: who may call."""
    play_mode: bool = False
    log_level: str = "INFO"
    campaigns_file: Path | None = None
    """YAML with a list `campaigns`; applied by the migrate role."""
    voucher_key_file: Path | None = None
    """At least 32 secret bytes behind the voucher codes. Without it the migrate role keeps one in the database."""

    greatest_deadline_ms: Annotated[int, Field(ge=1)] = 2_000
    statement_seconds: Positive = 0.5
    """What a checkout's statement may take before its connection is abandoned."""
    write_deadline_seconds: Positive = 3.0
    """What a redemption may take before it is answered with 503."""
    checkouts_together: Annotated[int, Field(ge=1)] = 64
    checkouts_waiting: Annotated[int, Field(ge=1)] = 1_024
    """Above this a checkout is answered at once, without a voucher."""
    fresh_within_seconds: Positive = 60.0
    """How far the feed of snapshots may lag before nobody's own profile is used any more."""
    refresh_seconds: Positive = 1.0
    """How often campaigns, catalogue and model are looked at for changes."""
    expiry_seconds: Positive = 5.0
    """How often a live deployment looks for vouchers whose time is over."""

    def stream(self, role: str) -> StreamSettings:
        """How to reach the broker."""
        return StreamSettings(
            bootstrap=self.kafka_bootstrap, client_id=f"usual-offers-{role}", idempotence=self.kafka_idempotence
        )
