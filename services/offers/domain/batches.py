"""Batches: many vouchers of one campaign at once, made by us or with codes of another system; what they are and how far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.offers.domain.campaigns.campaign import ANY_CATEGORY, Campaign
from services.offers.domain.campaigns.terms import Bundle, Terms
from services.offers.domain.campaigns.validity import end_of
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.numbers import Numbered

CHUNK = 10_000
"""Vouchers of one transaction: their slots are small integers."""
ANY_STORE = "*"
MOST_ERRORS = 1_000
"""Quarantined lines that are kept of a batch; all are counted."""


class BatchState(StrEnum):
    """Where a batch stands."""

    RECEIVING = "receiving"
    """Its codes come in."""
    RUNNING = "running"
    STOPPED = "stopped"
    """It has a reason; the same request again goes on."""
    DONE = "done"
    CANCELLED = "cancelled"


class Source(StrEnum):
    """Whose codes they are."""

    MADE = "made"
    IMPORTED = "imported"


class NoBatch(ValueError):
    """A campaign or a day that no batch can have; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What all of its vouchers have in common, frozen when it was asked for."""

    batch_id: str
    source: Source
    campaign_id: str
    store_id: str
    """That whose terms they have; `*`: the campaign's own."""
    category: str
    terms: Terms
    currency: str
    numbered: Numbered | None
    valid_from: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: `wanted` vouchers, `made` so far; `reached` is the last serial number that was tried."""

    state: BatchState
    reason: str = ""
    wanted: int = 0
    reached: int = 0
    made: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class NewCode:
    """A voucher of a batch before it is stored."""

    voucher_id: str
    code_lookup: bytes
    number_lookup: bytes | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of an import that became no voucher, by its number; never what stood on it."""

    part: int
    line_no: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Until which day, included, of which zone's calendar."""

    last_day: date
    time_zone: str


def batch_of(
    campaign: Campaign, batch_id: str, source: Source, store_id: str | None, validity: Validity, now: datetime
) -> Batch:
    """A batch of this campaign, from `now` on; raises NoBatch where its rules forbid one."""
    terms = campaign.in_store(store_id or "", campaign.currency)
    if terms is None:
        raise NoBatch("the campaign does not run in this store")
    if (
        len(campaign.categories) != 1
        and not isinstance(terms.promise, Bundle)
        and ANY_CATEGORY not in campaign.categories
    ):
        raise NoBatch("the campaign of a batch is for one category, or for any")
    if campaign.limits or any(override.limits for override in campaign.stores.values()):
        raise NoBatch("the campaign has limits, which are counted where a customer is known: at a till")
    try:
        today = now.astimezone(ZoneInfo(validity.time_zone)).date()
    except (KeyError, ValueError, OSError) as error:
        raise NoBatch("no such time zone") from error
    days = (validity.last_day - today).days
    if not 0 <= days <= campaign.guard_rails.greatest_validity_days:
        raise NoBatch("the last day is today or later, and within the campaign's greatest_validity_days")
    if source is Source.IMPORTED and not campaign.legacy_codes:
        raise NoBatch("the campaign does not say legacy_codes: it takes no codes of another system")
    return Batch(
        batch_id=batch_id,
        source=source,
        campaign_id=campaign.campaign_id,
        store_id=store_id or ANY_STORE,
        category=ANY_CATEGORY if ANY_CATEGORY in campaign.categories else campaign.categories[0],
        terms=terms,
        currency=campaign.currency,
        numbered=campaign.numbered,
        valid_from=now,
        expires_at=end_of(validity.last_day, validity.time_zone),
    )


def voucher_id_of(batch_id: str, serial: int, part: int = 0) -> str:
    """The id of a batch's voucher: the same serial number, of the same part of an import, always has the same.

    >>> voucher_id_of("spring", 7)
    'spring.0.000000007'
    """
    return f"{batch_id}.{part}.{serial:09d}"


def made_codes(batch: Batch, first: int, count: int, codes: CodeKey) -> Sequence[NewCode]:
    """The next vouchers with codes of our own, by serial number: always the same, so they need not be stored."""
    made = []
    for serial in range(first, first + count):
        voucher_id = voucher_id_of(batch.batch_id, serial)
        number_lookup = None
        if batch.numbered is not None:
            number = batch.numbered.number_of(voucher_id, codes)
            number_lookup = codes.number_lookup_of(batch.numbered.kind, number)
        made.append(NewCode(voucher_id, codes.lookup_of(codes.code_of(voucher_id)), number_lookup))
    return made
