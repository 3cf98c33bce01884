"""`python -m services.inventory api|worker|migrate`: the only reader of the environment."""

import argparse
import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from libs.common.observability.logs import configure_logs
from services.inventory.app import run_api
from services.inventory.bootstrap import migrate
from services.inventory.settings import Settings
from services.inventory.worker import run_worker

_ROLES: Mapping[str, Callable[[Settings], Awaitable[None]]] = {"api": run_api, "worker": run_worker}


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.inventory", description=__doc__)
    parser.add_argument("role", choices=(*_ROLES, "migrate"))
    role = parser.parse_args().role
    settings = Settings()
    configure_logs("inventory", role, settings.log_level)
    if role == "migrate":
        asyncio.run(migrate(settings))
        return
    # What the imports made stays: the collector need not walk it again and again.
    gc.freeze()
    uvloop.run(_run(_ROLES[role], settings))


async def _run(role: Callable[[Settings], Awaitable[None]], settings: Settings) -> None:
    await role(settings)


if __name__ == "__main__":
    main()
