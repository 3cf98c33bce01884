"""Leases of the role `api`: pool, journal and the loop that keeps both; none without a folder for the journal, and none in a play."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from libs.common.persistence.relay import RelayLoop
from services.offers.bootstrap.parts import Parts, money_clock_of
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.leases import LeaseLimits
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.decisions.drafting import PrintRoom
from services.offers.handlers.leases.keeping import LeaseKeeper
from services.offers.handlers.leases.pool import LeasePool
from services.offers.handlers.leases.standby import MayBeGiven, Standby
from services.offers.ports.leases import LeaseStore
from services.offers.store.leases.journal import LeaseJournal

_LOOK_SECONDS = 0.25
_FIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Leases:
    """What answers from leases, and what runs beside it."""

    standby: Standby
    keeper: LeaseKeeper
    loop: RelayLoop
    journal: LeaseJournal


def leases_of(
    parts: Parts,
    begin: Callable[[], AbstractAsyncContextManager[LeaseStore]],
    knowledge: Knowledge,
    signing: SigningRing,
    codes: CodeKey,
    print_room: PrintRoom,
) -> Leases | None:
    """Join the parts; opens the journal. A journal that can't be opened costs tier 2 and nothing else."""
    settings = parts.settings
    if settings.lease_folder is None or settings.play_mode:
        return None
    journal = LeaseJournal.opened(settings.lease_folder)
    parts.metrics.ladder.lease_journal_usable.set(journal is not None)
    if journal is None:
        return None
    pool = LeasePool()
    keeper = LeaseKeeper(
        begin=begin,
        pool=pool,
        journal=journal,
        knowledge=knowledge,
        codes=codes,
        money_clock=money_clock_of(parts),
        limits=LeaseLimits(
            vouchers=settings.lease_vouchers,
            cap_ratio=settings.lease_cap_ratio,
            lasting=timedelta(hours=settings.lease_hours),
        ),
        metrics=parts.metrics,
        may_be_given=unstopped(knowledge),
        fit_seconds=_FIT_SECONDS,
    )
    standby = Standby(
        pool=pool,
        journal=journal,
        knowledge=knowledge,
        codes=codes,
        signing=signing,
        money_clock=money_clock_of(parts),
        metrics=parts.metrics,
        print_room=print_room,
        may_be_given=unstopped(knowledge),
    )

    async def look() -> int:
        await keeper.look()
        return 0  # however much there is to bind, tills come first

    loop = RelayLoop(look, name="leases", backoff=parts.backoff, idle_seconds=_LOOK_SECONDS)
    return Leases(standby, keeper, loop, journal)


def unstopped(knowledge: Knowledge) -> MayBeGiven:
    """Whether no brake stops a campaign, as far as memory knows."""
    return lambda campaign, store_id: not knowledge.stops(campaign.campaign_id, store_id or "")
