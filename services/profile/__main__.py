"""`python -m services.profile api|worker|learner|migrate|checkpoint|rebuild|evaluate`: the only reader of the environment."""

import importlib
import sys

from libs.common.service import migrate_service, run_role
from services.profile.app import run_api
from services.profile.bootstrap import SERVICE
from services.profile.checkpoint import run_checkpoint
from services.profile.learner import run_learner
from services.profile.rebuild import run_rebuild
from services.profile.settings import Settings
from services.profile.worker import run_worker


async def _migrate(settings: Settings) -> None:
    await migrate_service(SERVICE, settings)


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    if sys.argv[1:2] == ["evaluate"]:
        # Named, not imported: an image without the extra `laptop` has neither its libraries nor a use for it.
        importlib.import_module("services.profile.evaluate").main(sys.argv[2:])
        return
    roles = {
        "api": run_api,
        "worker": run_worker,
        "learner": run_learner,
        "migrate": _migrate,
        "checkpoint": run_checkpoint,
        "rebuild": run_rebuild,
    }
    run_role(SERVICE, Settings, roles)


if __name__ == "__main__":
    main()
