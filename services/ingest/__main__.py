"""`python -m services.ingest api|migrate`: the only reader of the environment."""

import argparse
import asyncio
import gc

import uvloop

from libs.common.http.server import make_server
from libs.common.observability.logs import configure_logs
from services.ingest.app import create_app
from services.ingest.bootstrap import assemble, migrate
from services.ingest.settings import Settings


def main() -> None:
    """Run the role that the command line names until it is done or told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.ingest", description=__doc__)
    parser.add_argument("role", choices=("api", "migrate"))
    role = parser.parse_args().role
    settings = Settings()
    configure_logs("ingest", role, settings.log_level)
    if role == "migrate":
        asyncio.run(migrate(settings))
    else:
        uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ingest = assemble(settings)
    app = create_app(ingest)
    # What was made by now stays: the collector need not walk it for every batch of short-lived events.
    gc.freeze()
    await make_server(app, host=settings.http_host, port=settings.http_port, health=ingest.health).serve()


if __name__ == "__main__":
    main()
