"""What a process says of its own health: alive (restart me if not) and ready (send me work if so)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Health:
    """The checks of one process. A check that raises counts as failed; none may take longer than a second.

    A broker or database that is down must not fail `alive`: restarting us would not mend it.
    """

    alive: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)
    draining: bool = False
    """Set on SIGTERM: not ready any more, still alive."""

    async def is_alive(self) -> Mapping[str, bool]:
        """Each liveness check's answer by name."""
        return {name: await _passes(check) for name, check in self.alive.items()}

    async def is_ready(self) -> Mapping[str, bool]:
        """Each readiness check's answer by name; draining is not ready."""
        answers = {name: await _passes(check) for name, check in self.ready.items()}
        return {"accepting": not self.draining, **answers}


async def _passes(check: Check) -> bool:
    try:
        return await check()
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is "not well"
        return False
