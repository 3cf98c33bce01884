"""A client of profile's API on the database of a running profile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from httpx import ASGITransport, AsyncClient

from libs.common.http.credentials import new_key, write_credentials
from services.profile.app import create_app
from services.profile.bootstrap import assemble
from tests.support.profile_running import RunningProfile


@asynccontextmanager
async def asking(
    profile: RunningProfile, folder: Path, *scopes: str, key_id: str = "staff"
) -> AsyncIterator[AsyncClient]:
    """With a key that carries these scopes."""
    key, credential = new_key(key_id, frozenset(scopes))
    write_credentials(folder / f"{key_id}.json", [credential])
    settings = profile.parts.settings.model_copy(update={"credentials_file": folder / f"{key_id}.json"})
    parts = assemble(settings, "api")
    transport = ASGITransport(create_app(parts), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://profile", headers={"x-api-key": key}) as client:
        yield client
    await parts.engine.dispose()
