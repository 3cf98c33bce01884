"""The keys of signed vouchers: kept in memory where vouchers are printed, made and withdrawn by the chain."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from libs.common.errors import Conflict, InvalidInput, NotFound, RetryableError
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.signed import KeyRow, SigningKey, signing_key
from services.offers.ports.codes import SigningKeyStore

LEAD = timedelta(minutes=1)
"""Between making a key and its first signature: every process must have read it, and tills should have."""


class SigningRing:
    """The keys as this process knows them. `refresh` is called again and again."""

    def __init__(self, codes: CodeKey, begin: Callable[[], AbstractAsyncContextManager[SigningKeyStore]]) -> None:
        self._codes = codes
        self._begin = begin
        self._keys: Sequence[SigningKey] | None = None

    @property
    def keys(self) -> Sequence[SigningKey]:
        """All keys; raises RetryableError before they could be read: an answer without its signature would be another."""
        if self._keys is None:
            raise RetryableError("the keys of signed vouchers could not be read yet", slug="signing-keys-unread")
        return self._keys

    async def known(self) -> Sequence[SigningKey]:
        """All keys, read now if they never were; raises RetryableError when they cannot be."""
        if self._keys is None:
            await self.refresh()
        return self.keys

    async def refresh(self) -> int:
        """Read them; returns 0. Raises RetryableError, and goes on with those it knows."""
        async with self._begin() as store:
            rows = await store.all()
        self._keys = [signing_key(self._codes, row) for row in rows]
        return 0


async def make_key(store: SigningKeyStore, row: KeyRow, now: datetime) -> None:
    """Keep a new key. The same again changes nothing; raises Conflict for another under this id, InvalidInput for one too soon."""
    known = next((known for known in await store.all() if known.key_id == row.key_id), None)
    if known is not None and known.signs_from == row.signs_from:
        return
    if row.signs_from < now + LEAD:
        raise InvalidInput("a key signs a minute from now at the soonest: tills must know it before", slug="too-soon")
    if known is not None or not await store.put(row):
        raise Conflict("another key has this id; ids are never used twice", slug="other-key")


async def withdraw_key(store: SigningKeyStore, key_id: int, now: datetime) -> None:
    """Let a key sign no more; tills that read the keys again refuse what it signed. Raises NotFound."""
    if all(known.key_id != key_id for known in await store.all()):
        raise NotFound("no such key", slug="unknown-voucher-key")
    await store.withdraw(key_id, now)
