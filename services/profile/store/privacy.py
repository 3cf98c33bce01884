"""Who was forgotten, on PostgreSQL; what is deleted by key stands in store/forgetting.py."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append, dead_letters
from services.profile.ports.privacy import (
    Asker,
    ConsentWord,
    Erasure,
    OpenErasures,
    Person,
    ServiceReceipt,
    Swept,
    Unswept,
)
from services.profile.store.facets import DELTAS_A_BLOCK
from services.profile.store.forgetting import erase_by_key, sweep

_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtext(current_schema() || '.suppressions'), 0)")
_EXCLUDE = text("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.suppressions'), 0)")
# A batch under way may take longer than a request usually waits for a lock.
_PATIENCE = (text("SET LOCAL lock_timeout = '8s'"), text("SET LOCAL statement_timeout = '20s'"))
_SWEEP_PATIENCE = text("SET LOCAL statement_timeout = '10min'")
_SUPPRESSED = text("""
    SELECT identifier, customer_id, erased_at FROM suppressions
    WHERE identifier = ANY(CAST(:names AS text[])) OR customer_id = ANY(CAST(:names AS text[]))
""")
_PERSON = text("""
    SELECT identifier, own_customer_id, customer_id FROM facets
    WHERE customer_id = (SELECT customer_id FROM facets WHERE own_customer_id = :customer_id)
    ORDER BY identifier
""")
_NOTE = text("""
    INSERT INTO erasures (erasure_id, customer_id, erased_at, requested_at, requested_by, requested_roles, removed, deltas_below)
    VALUES (:erasure_id, :customer_id, :erased_at, :requested_at, :requested_by, :requested_roles, CAST(:removed AS jsonb),
            nextval('facet_delta_blocks') * CAST(:block AS bigint))
""")
_SUPPRESS = text("""
    INSERT INTO suppressions (identifier, customer_id, erased_at, erasure_id)
    SELECT identifier, own_id, :erased_at, :erasure_id
    FROM unnest(CAST(:identifiers AS text[]), CAST(:own_ids AS text[])) AS new (identifier, own_id)
    ON CONFLICT (identifier) DO UPDATE
    SET erased_at = greatest(suppressions.erased_at, excluded.erased_at), erasure_id = excluded.erasure_id
""")
_ALSO = text("UPDATE erasures SET removed = removed || CAST(:removed AS jsonb) WHERE erasure_id = :erasure_id")
_COLUMNS = "erasure_id, customer_id, erased_at, requested_at, requested_by, requested_roles"
_KNOWN = text("SELECT erasure_id FROM erasures WHERE erasure_id = ANY(CAST(:erasure_ids AS text[]))")
_NEWEST_OF = text(f"""
    SELECT {_COLUMNS} FROM erasures
    WHERE customer_id = :customer_id
       OR erasure_id IN (SELECT erasure_id FROM suppressions WHERE customer_id = :customer_id)
    ORDER BY requested_at DESC, erasure_id LIMIT 1
""")  # noqa: S608  # columns of our own
_FIND = text(f"SELECT {_COLUMNS} FROM erasures WHERE erasure_id = :erasure_id")  # noqa: S608  # columns of our own
_UNSWEPT = text("""
    SELECT erasure_id, erased_at, removed, deltas_below FROM erasures WHERE NOT swept
    ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_IDENTIFIERS = text("SELECT identifier FROM suppressions WHERE erasure_id = :erasure_id ORDER BY identifier")
_SWEPT = text("UPDATE erasures SET swept = true WHERE erasure_id = :erasure_id RETURNING clock_timestamp()")
_ANSWERED = text("""
    INSERT INTO erasure_receipts (erasure_id, service, removed, answered_at)
    VALUES (:erasure_id, :service, CAST(:removed AS jsonb), :answered_at) ON CONFLICT DO NOTHING
""")
_RECEIPTS = text("SELECT * FROM erasure_receipts WHERE erasure_id = :erasure_id ORDER BY service")
_KEEP_WORDS = text("""
    INSERT INTO consent_words (identifier, purpose, channel, granted, basis, evidence, occurred_at, event_id)
    VALUES (:identifier, :purpose, :channel, :granted, :basis, :evidence, :occurred_at, :event_id)
    ON CONFLICT DO NOTHING
""")
_WORDS = text(
    "SELECT * FROM consent_words WHERE identifier = ANY(CAST(:identifiers AS text[])) ORDER BY occurred_at, event_id"
)
# Not by those who answer: of two at once neither would see the other's answer.
_CLOSE = text("""
    UPDATE erasures SET answered = true WHERE NOT answered
      AND :services <= (SELECT count(*) FROM erasure_receipts AS told WHERE told.erasure_id = erasures.erasure_id)
""")
_OPEN = text("""
    SELECT count(*) AS count, coalesce(extract(epoch FROM clock_timestamp() - min(requested_at)), 0)::float8 AS oldest
    FROM erasures WHERE NOT answered
""")
_FORGET = (
    text("DELETE FROM suppressions WHERE erased_at < :before"),
    text("DELETE FROM erasure_receipts WHERE answered_at < :before"),
    text("DELETE FROM erasures WHERE requested_at < :before AND erased_at < :before"),
)
_WORD_COLUMNS = ("identifier", "purpose", "channel", "granted", "basis", "evidence", "occurred_at", "event_id")


class PostgresPrivacy:
    """Fits PrivacyStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._connection = tx.connection

    async def share(self) -> None:
        """As the port promises."""
        await self._connection.execute(_SHARE)

    async def suppressed(self, names: Collection[str]) -> Mapping[str, datetime]:
        """As the port promises."""
        if not names:
            return {}
        rows = (await self._connection.execute(_SUPPRESSED, {"names": list(names)})).all()
        return {name: row.erased_at for row in rows for name in (row.identifier, row.customer_id)}

    async def exclude(self) -> None:
        """As the port promises."""
        for limit in _PATIENCE:
            await self._connection.execute(limit)
        await self._connection.execute(_EXCLUDE)

    async def person(self, customer_id: str) -> Person | None:
        """As the port promises."""
        rows = (await self._connection.execute(_PERSON, {"customer_id": customer_id})).all()
        if not rows:
            return None
        return Person(
            customer_id=rows[0].customer_id, identifiers={row.identifier: row.own_customer_id for row in rows}
        )

    async def erase(self, person: Person, erasure: Erasure) -> Mapping[str, int]:
        """As the port promises."""
        removed, versions = await erase_by_key(self._connection, list(person.identifiers), person.customer_ids)
        await self._connection.execute(
            _SUPPRESS,
            {
                "identifiers": list(person.identifiers),
                "own_ids": list(person.identifiers.values()),
                "erased_at": erasure.erased_at,
                "erasure_id": erasure.erasure_id,
            },
        )
        await self._connection.execute(
            _NOTE,
            {
                "erasure_id": erasure.erasure_id,
                "customer_id": erasure.customer_id,
                "erased_at": erasure.erased_at,
                "requested_at": erasure.requested_at,
                "requested_by": erasure.asker.key_id if erasure.asker else None,
                "requested_roles": erasure.asker.roles if erasure.asker else None,
                "removed": json.dumps(removed),
                "block": DELTAS_A_BLOCK,
            },
        )
        return versions

    async def also_removed(self, erasure_id: str, removed: Mapping[str, int]) -> None:
        """As the port promises."""
        await self._connection.execute(_ALSO, {"erasure_id": erasure_id, "removed": json.dumps(dict(removed))})

    async def tell(self, message: OutboxMessage) -> None:
        """As the port promises."""
        await append(self._tx, [message])

    async def known(self, erasure_ids: Collection[str]) -> Collection[str]:
        """As the port promises."""
        return set((await self._connection.execute(_KNOWN, {"erasure_ids": list(erasure_ids)})).scalars())

    async def newest_of(self, customer_id: str) -> Erasure | None:
        """As the port promises."""
        return _erasure((await self._connection.execute(_NEWEST_OF, {"customer_id": customer_id})).one_or_none())

    async def find(self, erasure_id: str) -> Erasure | None:
        """As the port promises."""
        return _erasure((await self._connection.execute(_FIND, {"erasure_id": erasure_id})).one_or_none())

    async def next_unswept(self) -> Unswept | None:
        """As the port promises."""
        found = (await self._connection.execute(_UNSWEPT)).one_or_none()
        return None if found is None else Unswept(**found._mapping)  # noqa: SLF001  # a Row's public mapping

    async def sweep(self, unswept: Unswept) -> Swept:
        """As the port promises."""
        named = {"erasure_id": unswept.erasure_id}
        identifiers = list((await self._connection.execute(_IDENTIFIERS, named)).scalars())
        await self._connection.execute(_SWEEP_PATIENCE)
        swept = await sweep(self._connection, identifiers, unswept.erased_at, unswept.deltas_below)
        removed = {**unswept.removed, **swept}
        removed["dead_letters"] = await dead_letters.forget_keys(self._tx, identifiers)
        at = (await self._connection.execute(_SWEPT, named)).scalar_one()
        receipt = ServiceReceipt(erasure_id=unswept.erasure_id, service="profile", removed=removed, answered_at=at)
        return Swept(receipt=receipt, identifiers=identifiers)

    async def answered(self, receipts: Collection[ServiceReceipt]) -> None:
        """As the port promises."""
        for receipt in receipts:
            await self._connection.execute(
                _ANSWERED,
                {
                    "erasure_id": receipt.erasure_id,
                    "service": receipt.service,
                    "removed": json.dumps(dict(receipt.removed)),
                    "answered_at": receipt.answered_at,
                },
            )

    async def receipts(self, erasure_id: str) -> Sequence[ServiceReceipt]:
        """As the port promises."""
        rows = await self._connection.execute(_RECEIPTS, {"erasure_id": erasure_id})
        return [ServiceReceipt(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def keep_words(self, words: Collection[ConsentWord]) -> None:
        """As the port promises."""
        if words:
            await self._connection.execute(
                _KEEP_WORDS, [{name: getattr(word, name) for name in _WORD_COLUMNS} for word in words]
            )

    async def words(self, identifiers: Collection[str]) -> Sequence[ConsentWord]:
        """As the port promises."""
        rows = await self._connection.execute(_WORDS, {"identifiers": list(identifiers)})
        return [ConsentWord(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def open_erasures(self, services: int) -> OpenErasures:
        """As the port promises."""
        await self._connection.execute(_CLOSE, {"services": services})
        count, oldest = (await self._connection.execute(_OPEN)).one()
        return OpenErasures(count=count, oldest_age_seconds=oldest)

    async def forget_before(self, before: datetime) -> None:
        """As the port promises."""
        for statement in _FORGET:
            await self._connection.execute(statement, {"before": before})


def _erasure(row: Any) -> Erasure | None:
    return None if row is None else erasure_of(row)


def erasure_of(row: Any) -> Erasure:
    """The erasure in a row that has all of its columns."""
    return Erasure(
        erasure_id=row.erasure_id,
        customer_id=row.customer_id,
        erased_at=row.erased_at,
        requested_at=row.requested_at,
        asker=Asker(key_id=row.requested_by, roles=row.requested_roles) if row.requested_by is not None else None,
    )
