"""What every role is made of: database, clock, metrics, health, and the secret behind voucher codes."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import Clock, SystemClock
from libs.common.errors import InvalidInput
from libs.common.observability.health import Check, Health
from libs.common.persistence import Backoff, Timeouts, Transactions, is_current, make_engine
from services.offers.domain.code import CodeKey
from services.offers.handlers.money_clock import MoneyClock
from services.offers.metrics import OffersMetrics
from services.offers.settings import Settings
from services.offers.store.campaigns import stored_code_key

SCHEMA = "offers"
MIGRATIONS = "services.offers.migrations"
Role = Literal["api", "worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The common parts of one process."""

    settings: Settings
    role: Role
    clock: Clock
    engine: AsyncEngine
    transactions: Transactions
    registry: CollectorRegistry
    metrics: OffersMetrics
    health: Health
    backoff: Backoff

    @property
    def money_clock(self) -> MoneyClock:
        """Which time counts for money here."""
        return MoneyClock(self.clock, self.settings.play_mode)

    async def code_key(self) -> CodeKey:
        """The secret behind voucher codes: from its file, else the one that the migrate role made.

        Raises RetryableError while the database is away, InvalidInput when there is none.
        """
        if self.settings.voucher_key_file is not None:
            return CodeKey(self.settings.voucher_key_file.read_bytes().strip())
        async with self.transactions.begin() as tx:
            secret = await stored_code_key(tx)
        if secret is None:
            raise InvalidInput("no voucher key: run the role migrate, or set USUAL_VOUCHER_KEY_FILE", slug="no-key")
        return CodeKey(secret)


def assemble(settings: Settings, role: Role, clock: Clock | None = None) -> Parts:
    """Join the common parts; nothing connects yet. Ready means: the schema is at this release."""
    clock = clock or SystemClock()
    registry = CollectorRegistry()
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        application_name=f"offers-{role}",
        timeouts=Timeouts.api() if role == "api" else Timeouts.worker(),
    )
    health = Health()
    health.ready["migrated"] = _is_migrated(engine)
    return Parts(
        settings=settings,
        role=role,
        clock=clock,
        engine=engine,
        transactions=Transactions(engine, SCHEMA),
        registry=registry,
        metrics=OffersMetrics(registry),
        health=health,
        backoff=Backoff(random=Random(clock.now().timestamp())),
    )


def _is_migrated(engine: AsyncEngine) -> Check:
    """Asked of the database until it says yes, once: a till is served on when the database goes away."""
    known = False

    async def check() -> bool:
        nonlocal known
        known = known or await is_current(engine, MIGRATIONS, SCHEMA)
        return known

    return check
