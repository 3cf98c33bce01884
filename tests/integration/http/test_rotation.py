"""A key is changed on a running server, as an operator does it."""

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from httpx import AsyncClient
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from libs.common.clock import SystemClock
from libs.common.http.connection_guard import ConnectionLimits
from libs.common.http.credentials import Credential, Credentials, require
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from libs.laptop import cli
from tests.support.serving import served
from tests.support.stopwatch import stopwatch

FOLLOWS_WITHIN_SECONDS = 2.0
PATIENCE_SECONDS = 30.0


def an_app(file: Path) -> FastAPI:
    app = create_service_app("test", description="", health=Health(), metrics=CollectorRegistry())
    app.state.credentials = Credentials(file, SystemClock())

    @app.get("/me")
    async def me(caller: Annotated[Credential, Depends(require("events:write"))]) -> str:
        return caller.key_id

    return app


def keys(file: Path, *words: str) -> str:
    done = CliRunner().invoke(cli.app, ["keys", *words, "--file", str(file)])
    assert done.exit_code == 0, done.exception
    return done.stdout.strip()


async def until_answered(client: AsyncClient, key: str, status: int) -> str:
    """Ask until it is so; fails when that takes longer than promised, by a stopwatch."""
    with stopwatch() as watch:
        while (answer := await client.get("/me", headers={"x-api-key": key})).status_code != status:
            await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.02)
            assert watch.seconds < FOLLOWS_WITHIN_SECONDS
    return answer.text.strip('"')


async def test_a_rotation_has_no_gap_and_a_revoked_key_is_refused_within_two_seconds_without_a_restart(
    tmp_path: Path,
) -> None:
    file = tmp_path / "credentials.json"
    make = ("create", "--holder", "till-7", "--scope", "events:write")
    first = keys(file, *make)
    with served(an_app(file), ConnectionLimits()) as door:
        async with AsyncClient(base_url=f"http://127.0.0.1:{door.port}", timeout=PATIENCE_SECONDS) as client:
            first_id = await until_answered(client, first, 200)
            second = keys(file, *make)
            second_id = await until_answered(client, second, 200)
            assert await until_answered(client, first, 200) == first_id
            keys(file, "revoke", first_id)
            await until_answered(client, first, 401)
            assert await until_answered(client, second, 200) == second_id
