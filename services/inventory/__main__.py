"""`python -m services.inventory api|worker|migrate`: the only reader of the environment."""

from libs.common.service import migrate_service, run_role
from services.inventory.app import run_api
from services.inventory.bootstrap import SERVICE
from services.inventory.settings import Settings
from services.inventory.worker import run_worker


async def _migrate(settings: Settings) -> None:
    await migrate_service(SERVICE, settings)


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    run_role(SERVICE, Settings, {"api": run_api, "worker": run_worker, "migrate": _migrate})


if __name__ == "__main__":
    main()
