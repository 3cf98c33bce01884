"""Persons' keys on PostgreSQL, wrapped: made where there is none, and the same for all who ask at once."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from libs.common.persistence import Transactions
from services.ingest.ports import WrappedKey
from services.ingest.tables import PERSON_KEYS

_name = PERSON_KEYS.c.person
_ADD = insert(PERSON_KEYS).on_conflict_do_nothing()


class PostgresPersonKeys:
    """The table of keys; a row that is deleted makes all that was sealed under it unreadable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def find(self, persons: Collection[str]) -> Mapping[str, WrappedKey]:
        """Those that exist."""
        query = select(PERSON_KEYS).where(_name.in_(persons))
        async with self._transactions.begin() as tx:
            rows = (await tx.connection.execute(query)).all()
        return {row.person: WrappedKey(row.wrapped, row.wrapped_under) for row in rows}

    async def add(self, keys: Mapping[str, WrappedKey], at: datetime) -> None:
        """Keep those whose person has none yet."""
        # In order: two that add the same persons then wait for each other instead of in a circle.
        rows = [
            {"person": person, "wrapped": key.wrapped, "wrapped_under": key.wrapped_under, "made_at": at}
            for person, key in sorted(keys.items())
        ]
        async with self._transactions.begin() as tx:
            await tx.connection.execute(_ADD, rows)

    async def forget(self, persons: Collection[str]) -> int:
        """Delete their keys for good; returns how many there were."""
        async with self._transactions.begin() as tx:
            return (await tx.connection.execute(delete(PERSON_KEYS).where(_name.in_(persons)))).rowcount
