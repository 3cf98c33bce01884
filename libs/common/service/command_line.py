"""`python -m services.<name> <role>`: parse the role, read the environment, set up logs, run."""

import argparse
import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import uvloop

from libs.common.observability.logs import configure_logs
from libs.common.service.settings import ServiceSettings

Chosen = TypeVar("Chosen", bound=ServiceSettings)
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
Roles = Mapping[str, Callable[[Chosen], Awaitable[None]]]


def run_role(service: str, read_settings: Callable[[], Chosen], roles: "Roles[Chosen]") -> None:
    """Run the role that the command line names until it is done or told to stop; call it from `__main__` alone."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service}")
    parser.add_argument("role", choices=tuple(roles))
    role = parser.parse_args().role
    settings = read_settings()
    configure_logs(service, role, settings.log_level)
    # What the imports made stays: the collector need not walk it again and again. Nor need it look after every few
    # events: a batch that is under way is no garbage. What survives one look gets its second soon: a cycle may hold a body.
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 2, 10)
    run = asyncio.run if role == "migrate" else uvloop.run
    run(_run(roles[role], settings))


async def _run(role: Callable[[Chosen], Awaitable[None]], settings: Chosen) -> None:
    await role(settings)
