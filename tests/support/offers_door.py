"""A door of offers in a process of its own, which a test may kill: `python -m tests.support.offers_door URL FOLDER NOW`.

It reads the credentials in FOLDER, its clock stands at NOW, and it writes where it listens to FOLDER/port when it is ready.
"""

import asyncio
import os
import sys
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from libs.common.http.server import DrainingServer
from services.offers.app import create_app
from services.offers.bootstrap import assemble, door_of
from services.offers.settings import Settings
from tests.support.offers_running import CODES, TestClock
from tests.support.secrets import SECRET_FILE

CREDENTIALS, PORT = "credentials.json", "port"


async def serve(url: str, folder: Path, now: datetime) -> None:
    """Until the process ends."""
    settings = Settings(
        database_url=SecretStr(url),
        kafka_bootstrap="127.0.0.1:1",
        credentials_file=folder / CREDENTIALS,
        pseudonym_key_file=SECRET_FILE,
        http_port=0,
        refresh_seconds=0.2,
        log_level="WARNING",
    )
    parts = assemble(settings, "api", TestClock(now))
    door = door_of(parts, CODES)
    server = parts.server(create_app(door))
    serving = asyncio.create_task(server.serve())
    await _listening(server, serving)
    await door.keeper.refresh()
    await door.doors.signing.refresh()
    (folder / f"{PORT}.new").write_text(str(server.servers[0].sockets[0].getsockname()[1]))
    (folder / f"{PORT}.new").replace(folder / PORT)
    await serving


async def _listening(server: DrainingServer, serving: "asyncio.Task[None]") -> None:
    while not (server.started or serving.done()):
        await asyncio.wait({serving}, timeout=0.01)


if __name__ == "__main__":
    os.setpgid(0, 0)
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])))
