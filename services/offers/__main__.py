"""`python -m services.offers api|worker|migrate`: the only reader of the environment."""

from libs.common.service import run_role
from services.offers.app import run_api
from services.offers.bootstrap import SERVICE, migrate
from services.offers.settings import Settings
from services.offers.worker import run_worker


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    run_role(SERVICE, Settings, {"api": run_api, "worker": run_worker, "migrate": migrate})


if __name__ == "__main__":
    main()
