"""Writes with an Idempotency-Key, as a caller of offers makes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.offers_facts import a_snapshot
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database


@dataclass(frozen=True)
class Write:
    """One write as a caller makes it, with a body that it may be confused with."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    other: Mapping[str, Any] | None = None

    async def by(self, till: Till, key: str, *, other: bool = False, caller: str | None = None) -> httpx.Response:
        body = self.other if other else self.body
        headers = {"Idempotency-Key": f'"{key}"'} | ({"X-Api-Key": caller} if caller else {})
        return await till.client.request(
            self.method, self.path, json=body, headers={"Idempotency-Key": f'"{key}"', **headers}
        )


@asynccontextmanager
async def a_till(database: Database, folder: Path, **changes: Any) -> AsyncIterator[tuple[Till, list[str]]]:
    """A till and the codes of four vouchers."""
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, folder, **changes) as till:
        codes = [
            voucher["code"]
            for number in range(4)
            for voucher in (await till.checkout(f"first-{number}", customer=None, slots=1))["vouchers"]
        ]
        assert len(codes) == 4
        yield till, codes
