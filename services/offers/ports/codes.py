"""What signed vouchers need: the keys' rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.offers.domain.codes.signed import KeyRow


class SigningKeyStore(Protocol):
    """Keys of signed vouchers within one transaction."""

    async def all(self) -> Sequence[KeyRow]:
        """All keys, also withdrawn ones, by id."""
        ...

    async def put(self, row: KeyRow) -> bool:
        """Keep a new key; False when its id is taken."""
        ...

    async def withdraw(self, key_id: int, now: datetime) -> None:
        """Let it sign no more from now on; again, nothing."""
        ...
