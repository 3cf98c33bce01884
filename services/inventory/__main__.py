"""`python -m services.inventory api|worker|migrate|simulate|evaluate|evaluate-assortment`: the only reader of the environment."""

import importlib
import sys

from libs.common.service import migrate_service, run_role
from services.inventory.app import run_api
from services.inventory.bootstrap import SERVICE
from services.inventory.settings import Settings
from services.inventory.worker import run_worker


async def _migrate(settings: Settings) -> None:
    await migrate_service(SERVICE, settings)


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    if sys.argv[1:2] in (["evaluate"], ["simulate"], ["evaluate-assortment"]):
        # Named, not imported: an image without the extra `laptop` has neither its libraries nor a use for it.
        tools = {
            "evaluate": "evaluate",
            "simulate": "simulate.command_line",
            "evaluate-assortment": "simulate.assortment",
        }
        tool = tools[sys.argv[1]]
        importlib.import_module(f"services.inventory.{tool}").main(sys.argv[2:])
        return
    run_role(SERVICE, Settings, {"api": run_api, "worker": run_worker, "migrate": _migrate})


if __name__ == "__main__":
    main()
