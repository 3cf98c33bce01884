"""What every role of this service is made of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

from libs.common.clock import Clock
from libs.common.persistence import Timeouts, Transactions, make_engine
from libs.common.service import ServiceParts, assemble_parts
from services.profile.metrics import ProfileMetrics
from services.profile.settings import Settings

SERVICE = "profile"
Role = Literal["api", "worker", "learner"]
Job = Literal["checkpoint", "rebuild"]
POOL_SIZE: Mapping[Role, int] = {"api": 5, "worker": 10, "learner": 5}
"""The worker applies batches side by side, folds and relays at the same time."""
Parts: TypeAlias = ServiceParts[Settings, ProfileMetrics]


def assemble(settings: Settings, role: Role, clock: Clock | None = None) -> Parts:
    """Join the common parts; nothing connects yet."""
    return assemble_parts(SERVICE, settings, role, ProfileMetrics, clock=clock, pool_size=POOL_SIZE[role])


def assemble_job(settings: Settings, job: Job, *, schema: str = SERVICE) -> Parts:
    """The same for a job that reads or writes whole tables, in the service's schema or in another one; nothing connects yet."""
    parts = assemble_parts(SERVICE, settings, job, ProfileMetrics)
    engine = make_engine(
        settings.database_url.get_secret_value(),
        schema=schema,
        application_name=f"{SERVICE}-{job}",
        timeouts=Timeouts.whole_tables(),
        pool_size=10,
    )
    return replace(parts, engine=engine, transactions=Transactions(engine, schema))
