"""`python -m services.ingest api|worker|migrate`: the only reader of the environment."""

from libs.common.service import migrate_service, run_role
from services.ingest.app import run_api
from services.ingest.bootstrap import SERVICE
from services.ingest.settings import Settings
from services.ingest.worker import run_worker


async def _migrate(settings: Settings) -> None:
    await migrate_service(SERVICE, settings)


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    run_role(SERVICE, Settings, {"api": run_api, "worker": run_worker, "migrate": _migrate})


if __name__ == "__main__":
    main()
