"""What every role of this service is made of."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from libs.common.clock import Clock
from libs.common.service import ServiceParts, assemble_parts
from services.profile.metrics import ProfileMetrics
from services.profile.settings import Settings

SERVICE = "profile"
Role = Literal["api", "worker", "learner"]
POOL_SIZE: Mapping[Role, int] = {"api": 5, "worker": 10, "learner": 5}
"""The worker applies batches side by side, folds and relays at the same time."""
Parts: TypeAlias = ServiceParts[Settings, ProfileMetrics]


def assemble(settings: Settings, role: Role, clock: Clock | None = None) -> Parts:
    """Join the common parts; nothing connects yet."""
    return assemble_parts(SERVICE, settings, role, ProfileMetrics, clock=clock, pool_size=POOL_SIZE[role])
