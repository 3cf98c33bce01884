"""Revocations as rules, and the walk over open vouchers in the order of their issue that ends what a rule covers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.domain.money import ledger
from services.offers.domain.revocation import Revocation, Revoked
from services.offers.ports.revocation import KnownRevocation, Swept
from services.offers.ports.vouchers import ExpiredVoucher
from services.offers.store.money.ledger import freed
from services.offers.store.vouchers.rows import COVERS

_COLUMNS = """
    revocation_id, campaign_id, store_id, batch_id, issued_from, issued_until, reason, asked_by, asked_at, vouchers, swept_at
"""
_REACHED = text("SELECT reached_at FROM play_clock")
_PUT = text("""
    INSERT INTO revocations (revocation_id, campaign_id, store_id, batch_id, issued_from, issued_until, reason, asked_by,
                             asked_at, reached_at)
    VALUES (:revocation_id, :campaign_id, :store_id, :batch_id, :issued_from, :issued_until, :reason, :asked_by,
            :asked_at, :issued_from)
    ON CONFLICT (revocation_id) DO NOTHING
""")
_ONE = text(f"SELECT {_COLUMNS} FROM revocations WHERE revocation_id = :revocation_id")  # noqa: S608  # columns of our own
_ALL = text(f"SELECT {_COLUMNS} FROM revocations ORDER BY asked_at DESC, revocation_id")  # noqa: S608  # columns of our own
_WAITING = text("""
    SELECT revocation_id, reached_at, reached_id, issued_until FROM revocations
    WHERE swept_at IS NULL AND asked_at <= :asked_before ORDER BY asked_at, revocation_id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_UP_TO = text("""
    SELECT valid_from, voucher_id FROM vouchers
    WHERE state = 'issued' AND (valid_from, voucher_id) > (:reached_at, :reached_id) AND valid_from <= :issued_until
    ORDER BY valid_from, voucher_id OFFSET :most - 1 LIMIT 1
""")
_END = text(f"""
    WITH covered AS (
        SELECT vouchers.voucher_id, vouchers.reserved_cents AS released_cents
        FROM vouchers JOIN revocations AS rule ON rule.revocation_id = :revocation_id AND {COVERS}
        WHERE vouchers.state = 'issued' AND (vouchers.valid_from, vouchers.voucher_id) > (:reached_at, :reached_id)
          AND (vouchers.valid_from, vouchers.voucher_id) <= (:upto_at, :upto_id)
        ORDER BY vouchers.voucher_id FOR UPDATE OF vouchers  -- as tills lock those that are shown together
    ),
    ended AS (
        UPDATE vouchers SET state = 'revoked', reserved_cents = 0, hold_id = NULL, held_for = NULL, held_until = NULL
        FROM covered WHERE vouchers.voucher_id = covered.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, vouchers.customer_id, vouchers.receipt_id, vouchers.store_id,
                  vouchers.currency, covered.released_cents
    ),
    {freed(ledger.revoked, cause=":revocation_id")}
    SELECT voucher_id, campaign_id, customer_id, receipt_id, store_id, currency, released_cents FROM ended ORDER BY voucher_id
""")  # noqa: S608  # a condition of our own
_REACHED_SO_FAR = text("""
    UPDATE revocations SET reached_at = :reached_at, reached_id = :reached_id, vouchers = vouchers + :ended,
                           swept_at = :swept_at
    WHERE revocation_id = :revocation_id
""")
_ONE_STEP = timedelta(microseconds=1)


class PostgresRevocations:
    """Fits RevocationStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def reached_at(self) -> datetime | None:
        """As the port promises."""
        reached: datetime | None = (await self._tx.connection.execute(_REACHED)).scalar_one_or_none()
        return reached

    async def put(self, revocation: Revocation) -> bool:
        """As the port promises."""
        revoked = revocation.revoked
        names = {
            "revocation_id": revocation.revocation_id,
            "campaign_id": revoked.campaign_id,
            "store_id": revoked.store_id,
            "batch_id": revoked.batch_id,
            "issued_from": revoked.issued_from,
            "issued_until": revoked.issued_until,
            "reason": revocation.reason,
            "asked_by": revocation.asked_by,
            "asked_at": revocation.asked_at,
        }
        return (await self._tx.connection.execute(_PUT, names)).rowcount == 1

    async def one(self, revocation_id: str) -> KnownRevocation | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_ONE, {"revocation_id": revocation_id})).one_or_none()
        return _known(row) if row else None

    async def all(self) -> Sequence[KnownRevocation]:
        """As the port promises."""
        return [_known(row) for row in await self._tx.connection.execute(_ALL)]

    async def sweep(self, asked_before: datetime, now: datetime, most: int) -> Swept | None:
        """As the port promises."""
        waiting = (await self._tx.connection.execute(_WAITING, {"asked_before": asked_before})).one_or_none()
        if waiting is None:
            return None
        after = {"reached_at": waiting.reached_at, "reached_id": waiting.reached_id}
        last = (
            await self._tx.connection.execute(_UP_TO, {**after, "issued_until": waiting.issued_until, "most": most})
        ).one_or_none()
        upto_at, upto_id = (last.valid_from, last.voucher_id) if last else (waiting.issued_until + _ONE_STEP, "")
        rule = {"revocation_id": waiting.revocation_id}
        until = {"upto_at": upto_at, "upto_id": upto_id, "now": now}
        rows = await self._tx.connection.execute(_END, {**after, **rule, **until})
        ended = [ExpiredVoucher(**row) for row in rows.mappings()]
        reached = {"reached_at": upto_at, "reached_id": upto_id, "ended": len(ended)}
        await self._tx.connection.execute(_REACHED_SO_FAR, {**rule, **reached, "swept_at": None if last else now})
        return Swept(revocation_id=waiting.revocation_id, ended=ended, finished=last is None)

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """As the port promises."""
        await append(self._tx, messages)


def _known(row: Any) -> KnownRevocation:
    return KnownRevocation(
        revocation=Revocation(
            revocation_id=row.revocation_id,
            revoked=Revoked(
                campaign_id=row.campaign_id,
                store_id=row.store_id,
                batch_id=row.batch_id,
                issued_from=row.issued_from,
                issued_until=row.issued_until,
            ),
            reason=row.reason,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
        ),
        vouchers=row.vouchers,
        swept_at=row.swept_at,
    )
