"""Batches as an office asks for them: started once whatever is repeated, looked at, cancelled, exported."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from libs.common.errors import Conflict, InvalidInput, NotFound
from services.offers.domain.batches import (
    BatchState,
    NoBatch,
    Progress,
    Source,
    Validity,
    batch_of,
    voucher_id_of,
)
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.revocation import Revocation, Revoked
from services.offers.handlers.campaigns.versions import get_campaign
from services.offers.handlers.revocation import revoke
from services.offers.ports.batches import BatchStore, BatchStores, KnownBatch

NO_BUDGET = "budget-exhausted"
EXPORTED_TOGETHER = 2_000
_DIGEST_BYTES = 16
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAsked:
    """A batch as it was asked for. `codes` None: codes of another system will follow."""

    batch_id: str
    campaign_id: str
    codes: int | None
    store_id: str | None
    validity: Validity
    asked_by: str

    @property
    def digest(self) -> bytes:
        """By which the same request is known again, whoever repeats it."""
        asked = (self.batch_id, self.campaign_id, self.codes, self.store_id, self.validity)
        return hashlib.blake2b(_encoder.encode(asked), digest_size=_DIGEST_BYTES).digest()


async def start_batch(stores: BatchStores, asked: BatchAsked, now: datetime, asked_at: datetime) -> KnownBatch:
    """The batch as it stands; the same again changes nothing, unless it was stopped: then it goes on.

    Raises Conflict when its id stands for another, NotFound for a campaign that is none, InvalidInput where the
    campaign can have no such batch.
    """
    known = await stores.batches.lock(asked.batch_id) or await _put(stores, asked, now, asked_at)
    if known.asked != asked.digest:
        raise Conflict("another batch has this id", slug="other-batch")
    if known.progress.state is BatchState.STOPPED:
        again = replace(known.progress, state=BatchState.RUNNING, reason="")
        await stores.batches.keep_progress(asked.batch_id, again, None)
    return await get_batch(stores.batches, asked.batch_id)


async def _put(stores: BatchStores, asked: BatchAsked, now: datetime, asked_at: datetime) -> KnownBatch:
    campaign = (await get_campaign(stores.campaigns, asked.campaign_id)).campaign
    source = Source.IMPORTED if asked.codes is None else Source.MADE
    try:
        batch = batch_of(campaign, asked.batch_id, source, asked.store_id, asked.validity, now)
    except NoBatch as error:
        raise InvalidInput(str(error)) from error
    state = BatchState.RECEIVING if asked.codes is None else BatchState.RUNNING
    progress = Progress(state=state, wanted=asked.codes or 0)
    new = KnownBatch(batch=batch, progress=progress, asked=asked.digest, asked_by=asked.asked_by, asked_at=asked_at)
    if await stores.batches.put(new):
        return new
    return await stores.batches.lock(asked.batch_id) or new  # somebody else put it at the same time


async def get_batch(store: BatchStore, batch_id: str) -> KnownBatch:
    """One batch; raises NotFound."""
    known = await store.one(batch_id)
    if known is None:
        raise NotFound("no such batch", slug="unknown-batch")
    return known


async def cancel_batch(stores: BatchStores, batch_id: str, reason: str, asked_by: str, now: datetime) -> KnownBatch:
    """Make no more of it, and revoke what was made: refused from the commit on, reserves free behind it. Again: the same."""
    known = await stores.batches.lock(batch_id)
    if known is None:
        raise NotFound("no such batch", slug="unknown-batch")
    if known.progress.state is not BatchState.CANCELLED:
        batch = known.batch
        covered = Revoked(
            campaign_id=batch.campaign_id,
            store_id=None,
            batch_id=batch_id,
            issued_from=batch.valid_from,
            issued_until=batch.valid_from,
        )
        rule = Revocation(
            revocation_id=f"batch:{batch_id}", revoked=covered, reason=reason, asked_by=asked_by, asked_at=now
        )
        await revoke(stores.revocations, rule)
        cancelled = replace(known.progress, state=BatchState.CANCELLED, reason=reason)
        await stores.batches.keep_progress(batch_id, cancelled, now)
        await stores.batches.forget_lines(batch_id)
    return await get_batch(stores.batches, batch_id)


@dataclass(frozen=True, slots=True)
class ExportedCode:
    """A code of a batch, made again from its voucher's id, with the number where the campaign has numbers."""

    code: str
    number: str
    voucher_id: str


def check_exportable(known: KnownBatch) -> None:
    """Raise Conflict where codes are another system's: nothing is kept that they could be made from."""
    if known.batch.source is Source.IMPORTED:
        raise Conflict("imported codes are not kept; whoever sent them has them", slug="codes-not-kept")


async def existing_codes(store: BatchStore, known: KnownBatch, after: int) -> Sequence[str]:
    """The vouchers among the next EXPORTED_TOGETHER serial numbers behind `after`."""
    last = min(after + EXPORTED_TOGETHER, known.progress.reached)
    serials = range(after + 1, last + 1)
    return await store.existing(
        known.batch.batch_id, [voucher_id_of(known.batch.batch_id, serial) for serial in serials]
    )


def exported(known: KnownBatch, voucher_ids: Sequence[str], codes: CodeKey) -> list[ExportedCode]:
    """These vouchers with their codes."""
    by = known.batch.numbered
    return [
        ExportedCode(codes.code_of(voucher_id), by.number_of(voucher_id, codes) if by else "", voucher_id)
        for voucher_id in voucher_ids
    ]
