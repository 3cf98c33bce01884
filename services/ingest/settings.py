"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from libs.common.card_numbers import CardNumberGuard
from libs.common.contracts.values import CountryCode, Currency
from libs.common.http.connection_guard import ConnectionLimits
from libs.common.http.rate_limits import Rates
from libs.common.persistence.messages import MAX_MESSAGE_BYTES
from libs.common.service import Positive, ServiceSettings
from services.ingest.domain.admission import Rules
from services.ingest.domain.clocks import ClockRules

_CONNECTION_GRACE_SECONDS = 5.0


class Settings(ServiceSettings):
    """What every service has, and the limits of this door."""

    credentials_file: Path
    publish_deadline_seconds: Positive = 0.8
    """After this an event that was not acknowledged is answered as unknown."""
    quarantine_deadline_seconds: Positive = 0.8
    body_deadline_seconds: Positive = 10.0
    greatest_body_bytes: Annotated[int, Field(ge=1)] = 4_000_000
    greatest_batch: Annotated[int, Field(ge=1)] = 1_000
    greatest_event_bytes: Annotated[int, Field(ge=1, le=MAX_MESSAGE_BYTES // 2)] = 64 * 1024
    """As it comes; with its headers, and texts sealed, it still fits a message."""
    in_flight_bytes: Annotated[int, Field(ge=1)] = 64_000_000
    """Bodies under way in one process; above this a request is sent away with `Retry-After`."""
    key_events_per_second: Annotated[float, Field(ge=0)] = 50_000.0
    """For each key that has no rate of its own; 0 is no limit."""
    store_events_per_second: Annotated[float, Field(ge=0)] = 200_000.0
    """For all keys together that are bound to a store."""
    rate_burst_seconds: Annotated[int, Field(ge=1)] = 2
    clock_ahead_seconds: Positive = 300.0
    """A clock that is ahead by less is believed."""
    clock_far_ahead_hours: Positive = 36.0
    """Ahead by less, the event counts as having happened when it came; by more, it goes to quarantine."""
    clock_behind_days: Positive = 400.0
    clock_terminals: Annotated[int, Field(ge=1)] = 10_000
    """Wrong clocks that one process remembers."""
    duplicate_window_events: Annotated[int, Field(ge=1)] = 100_000
    duplicate_window_seconds: Positive = 900.0
    """A repeat is known at the door until this many newer events came, or this time passed; later the inboxes know it."""
    quarantine_kept_days: Positive = 28.0
    poslog_time_zone: ZoneInfo | None = None
    """Where tills stand whose POSLog states times without a zone; without it such a transaction is quarantined."""
    poslog_currency: Currency | None = None
    """What tills take whose POSLog states amounts without a currency."""

    key_encryption_key_file: Path | None = None
    """The secret under which persons' keys lie in the database; the role `api` needs it."""
    person_keys_cached: Annotated[int, Field(ge=1)] = 10_000
    person_key_cached_seconds: Positive = 60.0
    """So long a deleted key may still seal (it opens nothing any more), and a text can be sealed without the database."""
    person_key_deadline_seconds: Positive = 0.8
    field_policy_file: Path | None = None
    """YAML: what happens to personal fields, per country (docs/privacy.md); without it the built-in policy holds."""
    country: CountryCode | None = None
    """Whose field policy holds for keys that name no country."""
    card_number_exceptions: tuple[str, ...] = ()
    """Regular expressions of texts that are no card numbers though they look so: the chain's own card numbers. Keep them narrow."""

    def connection_limits(self) -> ConnectionLimits:
        """The door watches over its bodies itself; the connection only steps in when it did not."""
        limits = super().connection_limits()
        return replace(
            limits, body_seconds=max(limits.body_seconds, self.body_deadline_seconds + _CONNECTION_GRACE_SECONDS)
        )

    def rates(self) -> Rates:
        """How fast events may come in (docs/security.md)."""
        return Rates(
            key_per_second=self.key_events_per_second,
            store_per_second=self.store_events_per_second,
            burst_seconds=self.rate_burst_seconds,
        )

    @field_validator("card_number_exceptions")
    @classmethod
    def _are_regular_expressions(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        CardNumberGuard.allowing(forms)
        return forms

    def rules(self) -> Rules:
        """What this deployment admits."""
        return Rules(
            play_mode=self.play_mode,
            greatest_event_bytes=self.greatest_event_bytes,
            cards=CardNumberGuard.allowing(self.card_number_exceptions),
            clock=ClockRules(
                ahead=timedelta(seconds=self.clock_ahead_seconds),
                far_ahead=timedelta(hours=self.clock_far_ahead_hours),
                behind=timedelta(days=self.clock_behind_days),
            ),
        )
