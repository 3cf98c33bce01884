"""Watching for fraud: its policy, its own shared statement, and the round that forgets."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from services.offers.bootstrap.parts import SERVICE, Parts
from services.offers.domain.fraud.signs import FraudPolicy
from services.offers.handlers.fraud.watching import Watch
from services.offers.handlers.repeating import FORGOTTEN_TOGETHER
from services.offers.store.connections import connector
from services.offers.store.fraud.watching import PostgresWatch, SharedSightings
from services.offers.store.shared_statement import Limits


def fraud_policy(own: Path | None = None) -> FraudPolicy:
    """A deployment's own policy, else the one that comes with the service; raises InvalidInput for a file that is wrong."""
    page = own or files("services.offers") / "fraud_policy.yaml"
    try:
        return FraudPolicy.model_validate(yaml.safe_load(page.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InvalidInput(f"{page.name}: {error}", slug="invalid-fraud-policy") from error


def sightings_of(parts: Parts, policy: FraudPolicy) -> SharedSightings:
    """The shared look, on a connection of its own."""

    def failed(statement: str, reason: str) -> None:
        parts.metrics.statement_failures.labels(statement, reason).inc()

    seconds = parts.settings.fraud_look_seconds
    url = parts.settings.database_url.get_secret_value()
    connect = connector(url, schema=SERVICE, name="offers-sightings", statement_seconds=seconds)
    return SharedSightings(connect, policy, Limits(statement_seconds=seconds), failed)


def watch_of(parts: Parts, sightings: SharedSightings, policy: FraudPolicy) -> Watch:
    """What redemptions are watched with."""
    return Watch(reads=sightings, policy=policy, look_seconds=parts.settings.fraud_look_seconds, metrics=parts.metrics)


def presentations_round(parts: Parts) -> Callable[[], Awaitable[int]]:
    """Forgets presentations that no signal looks back at any more, some at a time: a round that is behind never holds a table."""

    async def forget() -> int:
        async with parts.transactions.begin() as tx:
            before = parts.clock.now() - timedelta(days=parts.settings.presentations_kept_days)
            forgotten = await PostgresWatch(tx).forget(before, FORGOTTEN_TOGETHER)
        return forgotten if forgotten == FORGOTTEN_TOGETHER else 0

    return forget
