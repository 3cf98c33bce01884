"""Keys of signed vouchers: what tells their private halves apart, from when on they sign, since when they do not; and the secret behind codes."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.codes.signed import KeyRow

_ALL = text("SELECT key_id, nonce, signs_from, withdrawn_at, made_by FROM voucher_signing_keys ORDER BY key_id")
_PUT = text("""
    INSERT INTO voucher_signing_keys (key_id, nonce, signs_from, made_by) VALUES (:key_id, :nonce, :signs_from, :made_by)
    ON CONFLICT (key_id) DO NOTHING
""")
_WITHDRAW = text("""
    UPDATE voucher_signing_keys SET withdrawn_at = :now WHERE key_id = :key_id AND withdrawn_at IS NULL
""")
_MAKE_KEY = text("INSERT INTO code_keys (secret) VALUES (:secret) ON CONFLICT DO NOTHING")
_KEY = text("SELECT secret FROM code_keys")


class PostgresSigningKeys:
    """Fits SigningKeyStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def all(self) -> Sequence[KeyRow]:
        """As the port promises."""
        return [
            KeyRow(
                key_id=row.key_id,
                nonce=bytes(row.nonce),
                signs_from=row.signs_from,
                withdrawn_at=row.withdrawn_at,
                made_by=row.made_by,
            )
            for row in await self._tx.connection.execute(_ALL)
        ]

    async def put(self, row: KeyRow) -> bool:
        """As the port promises."""
        names = {"key_id": row.key_id, "nonce": row.nonce, "signs_from": row.signs_from, "made_by": row.made_by}
        return (await self._tx.connection.execute(_PUT, names)).rowcount == 1

    async def withdraw(self, key_id: int, now: datetime) -> None:
        """As the port promises."""
        await self._tx.connection.execute(_WITHDRAW, {"key_id": key_id, "now": now})


async def ensure_code_key(tx: Transaction, fresh_secret: bytes) -> None:
    """Keep `fresh_secret` unless there is one already."""
    await tx.connection.execute(_MAKE_KEY, {"secret": fresh_secret})


async def stored_code_key(tx: Transaction) -> bytes | None:
    """The secret that the migrate role made, if it did."""
    secret = (await tx.connection.execute(_KEY)).scalar_one_or_none()
    return bytes(secret) if secret is not None else None
