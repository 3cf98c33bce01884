"""Forgetting on PostgreSQL: keys of persons, and what lies in quarantine under them."""

from collections.abc import Collection, Mapping

from sqlalchemy import delete, or_

from libs.common.persistence import OutboxMessage, Transaction, append, dead_letters
from services.ingest.tables import PERSON_KEYS, QUARANTINE


class PostgresErasures:
    """Fits ErasureStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def erase(self, persons: Collection[str]) -> Mapping[str, int]:
        """As the port promises."""
        of_them = or_(QUARANTINE.c.sealed_under.in_(persons), QUARANTINE.c.mended_sealed_under.in_(persons))
        statements = {
            "person_keys": delete(PERSON_KEYS).where(PERSON_KEYS.c.person.in_(persons)),
            "quarantined_events": delete(QUARANTINE).where(of_them),
        }
        run = self._tx.connection.execute
        removed = {kind: (await run(statement)).rowcount for kind, statement in statements.items()}
        return removed | {"dead_letters": await dead_letters.forget_keys(self._tx, persons)}

    async def tell(self, message: OutboxMessage) -> None:
        """As the port promises."""
        await append(self._tx, [message])
