"""`python -m services.profile api|worker|learner|migrate|evaluate`: the only reader of the environment."""

import argparse
import asyncio
import gc
import importlib
import sys
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from libs.common.observability.logs import configure_logs
from services.profile.app import run_api
from services.profile.bootstrap import migrate
from services.profile.learner import run_learner
from services.profile.settings import Settings
from services.profile.worker import run_worker

_ROLES: Mapping[str, Callable[[Settings], Awaitable[None]]] = {
    "api": run_api,
    "worker": run_worker,
    "learner": run_learner,
}


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    if sys.argv[1:2] == ["evaluate"]:
        # Named, not imported: an image without the extra `laptop` has neither its libraries nor a use for it.
        importlib.import_module("services.profile.evaluate").main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m services.profile", description=__doc__)
    parser.add_argument("role", choices=(*_ROLES, "migrate", "evaluate"))
    role = parser.parse_args().role
    settings = Settings()
    configure_logs("profile", role, settings.log_level)
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
