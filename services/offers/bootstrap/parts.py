"""What every role of this service is made of, which time counts for money, and the secret behind voucher codes."""

from typing import Literal, TypeAlias

from libs.common.clock import Clock
from libs.common.errors import InvalidInput
from libs.common.service import ServiceParts, assemble_parts
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.money.clock import MoneyClock
from services.offers.metrics import OffersMetrics
from services.offers.settings import Settings
from services.offers.store.codes import stored_code_key

SERVICE = "offers"
Role = Literal["api", "worker"]
Parts: TypeAlias = ServiceParts[Settings, OffersMetrics]


def assemble(settings: Settings, role: Role, clock: Clock | None = None) -> Parts:
    """Join the common parts; nothing connects yet."""
    return assemble_parts(SERVICE, settings, role, OffersMetrics, clock=clock)


def money_clock_of(parts: Parts) -> MoneyClock:
    """Which time counts for money here."""
    return MoneyClock(parts.clock, parts.settings.play_mode)


async def code_key_of(parts: Parts) -> CodeKey:
    """The secret behind voucher codes: from its file, else the one that the migrate role made.

    Raises RetryableError while the database is away, InvalidInput when there is none.
    """
    if parts.settings.voucher_key_file is not None:
        return CodeKey(parts.settings.voucher_key_file.read_bytes().strip())
    async with parts.transactions.begin() as tx:
        secret = await stored_code_key(tx)
    if secret is None:
        raise InvalidInput("no voucher key: run the role migrate, or set USUAL_VOUCHER_KEY_FILE", slug="no-key")
    return CodeKey(secret)
