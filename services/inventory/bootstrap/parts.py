"""What every role of this service is made of."""

from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

from libs.common.clock import Clock
from libs.common.persistence import Timeouts, Transaction
from libs.common.service import ServiceParts, assemble_parts
from services.inventory.domain.planning.replenishment import Policy
from services.inventory.metrics import InventoryMetrics
from services.inventory.settings import Settings
from services.inventory.store.forgetting import TOGETHER

SERVICE = "inventory"
Role = Literal["api", "worker"]
Parts: TypeAlias = ServiceParts[Settings, InventoryMetrics]


def assemble(settings: Settings, role: Role, clock: Clock | None = None, *, timeouts: Timeouts | None = None) -> Parts:
    """Join the common parts; nothing connects yet. The worker's pool has room for three consumers, rounds and relays."""
    pool_size = 5 if role == "api" else 9
    return assemble_parts(
        SERVICE, settings, role, InventoryMetrics, clock=clock, pool_size=pool_size, timeouts=timeouts
    )


async def piece_by_piece(parts: Parts, forget: Callable[[Transaction], Awaitable[int]]) -> int:
    """Let `forget` work as long as it finds a whole piece, each in a transaction of its own; 0, so that a loop rests after it."""
    gone = TOGETHER
    while gone >= TOGETHER:
        async with parts.transactions.begin() as tx:
            gone = await forget(tx)
    return 0


def policy_of(settings: Settings) -> Policy:
    """What this chain decides."""
    return Policy(
        fast_target_ratio=settings.service_fast_ratio,
        usual_target_ratio=settings.service_usual_ratio,
        slow_target_ratio=settings.service_slow_ratio,
        order_line_cents=settings.order_line_cents,
        transfer_line_cents=settings.transfer_line_cents,
        transfer_unit_cents=settings.transfer_unit_cents,
        transfer_days=settings.transfer_hours / 24,
        reroute=settings.reroute,
        hold_ratio=settings.hold_ratio,
        margin_ratio=settings.lost_ratio,
    )
