"""Connections of asyncpg itself, for the statements that checkouts share."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url


def connector(url: str, *, schema: str, name: str, statement_seconds: float) -> Callable[[], Awaitable[Any]]:
    """Makes connections that end their own overlong statements; `url` is SQLAlchemy's."""
    target = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {
        "search_path": schema,
        "application_name": name,
        "statement_timeout": str(int(statement_seconds * 1000)),
        "lock_timeout": str(int(statement_seconds * 1000)),
        "jit": "off",
        "plan_cache_mode": "force_generic_plan",
    }

    async def connect() -> Any:
        return await asyncpg.connect(target, server_settings=settings, timeout=5.0)

    return connect
