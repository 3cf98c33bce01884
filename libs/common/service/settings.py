"""What every deployment sets for every service; each service's Settings adds its own."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.http.connection_guard import ConnectionLimits
from libs.common.pseudonyms import Pseudonyms, read_secret
from libs.common.streaming.settings import StreamSettings

Positive = Annotated[float, Field(gt=0)]


class ServiceSettings(BaseSettings):
    """Each is `USUAL_` and its name in capitals, for example `USUAL_KAFKA_BOOTSTRAP`; constructed in `__main__` alone."""

    model_config = SettingsConfigDict(env_prefix="USUAL_", frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+asyncpg://usual_<service>:...@host/usual`."""
    kafka_bootstrap: str
    kafka_idempotence: bool = True
    kafka_session_seconds: Positive = 10.0
    """Without a sign of life for so long a worker's partitions go to others; the broker sets the bounds (Kafka: 6 s at least)."""
    partitions_cap: Annotated[int, Field(ge=1)] = 1_000
    """Topics get the smaller of this and what the contracts declare."""
    topic_replication: Annotated[int, Field(ge=1)] = 1
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    http_head_seconds: Positive = 5.0
    """For the head of a request to come in; after this its connection is closed."""
    http_body_seconds: Positive = 15.0
    """For a body to come in."""
    http_idle_seconds: Annotated[int, Field(ge=1)] = 5
    """That a connection may be silent between two requests."""
    http_connections: Annotated[int, Field(ge=1)] = 2048
    """That one process serves at a time."""
    credentials_file: Path | None = None
    """API keys; the role `api` needs it."""
    pseudonym_key_file: Path | None = None
    """The secret behind pseudonyms (docs/adr/0011), the same for all doors; the role `api` of ingest, profile and offers needs it."""
    play_mode: bool = False
    """Ticks tell the time (docs/adr/0009); else the server's clock does."""
    log_level: str = "INFO"

    def pseudonyms(self) -> Pseudonyms:
        """What stands for identifiers behind the doors; raises InvalidInput without a secret."""
        return Pseudonyms(read_secret(self.pseudonym_key_file, "USUAL_PSEUDONYM_KEY_FILE"))

    def connection_limits(self) -> ConnectionLimits:
        """What each connection is granted (docs/security.md)."""
        return ConnectionLimits(
            head_seconds=self.http_head_seconds,
            body_seconds=self.http_body_seconds,
            idle_seconds=self.http_idle_seconds,
            connections=self.http_connections,
        )

    def stream(self, client_id: str, *, call_deadline_seconds: float = 10.0) -> StreamSettings:
        """How to reach the broker, every call to it under a deadline."""
        return StreamSettings(
            bootstrap=self.kafka_bootstrap,
            client_id=f"usual-{client_id}",
            idempotence=self.kafka_idempotence,
            session_timeout_seconds=self.kafka_session_seconds,
            heartbeat_seconds=0.3 * self.kafka_session_seconds,
            call_deadline_seconds=call_deadline_seconds,
        )
