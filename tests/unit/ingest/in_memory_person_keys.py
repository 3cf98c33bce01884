"""The port of persons' keys in memory."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from libs.common.errors import RetryableError
from services.ingest.ports import WrappedKey


@dataclass
class InMemoryPersonKeys:
    """Keeps the first key of each person, unless it is away or hangs."""

    away: bool = False
    hangs: bool = False
    kept: dict[str, WrappedKey] = field(default_factory=dict)

    async def find(self, persons: Collection[str]) -> Mapping[str, WrappedKey]:
        await self._reach()
        return {person: self.kept[person] for person in persons if person in self.kept}

    async def add(self, keys: Mapping[str, WrappedKey], at: datetime) -> None:
        await self._reach()
        for person, key in keys.items():
            self.kept.setdefault(person, key)

    async def forget(self, persons: Collection[str]) -> int:
        await self._reach()
        return sum(self.kept.pop(person, None) is not None for person in persons)

    async def _reach(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise RetryableError("away", slug="database-unavailable")
        await asyncio.sleep(0)  # noqa: TID251 - a turn for the others, as a database would give
