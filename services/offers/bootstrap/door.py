"""The role `api`: desk, memory and the two shared statements, and their life beside the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from libs.common.persistence import Transaction, Transactions
from libs.common.persistence.relay import RelayLoop
from services.offers.api.doors import Doors
from services.offers.bootstrap.batches import batch_stores_of
from services.offers.bootstrap.brakes import brake_loops
from services.offers.bootstrap.fraud import fraud_policy, sightings_of, watch_of
from services.offers.bootstrap.leases import Leases, leases_of
from services.offers.bootstrap.parts import SERVICE, Parts, money_clock_of
from services.offers.bootstrap.receipts import picture_font, print_policies, wording_of_ours
from services.offers.bootstrap.redemption import lane_stores_of, miss_limits_of, till_stores_of
from services.offers.domain.codes.code import CodeKey
from services.offers.handlers.campaigns.knowledge import Knowledge, KnowledgeKeeper
from services.offers.handlers.checkout.desk import CheckoutDesk
from services.offers.handlers.checkout.ladder import Ladder
from services.offers.handlers.checkout.loop_lag import LoopLag
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.decisions.drafting import PrintRoom
from services.offers.handlers.lanes.reconciling import Reconciler
from services.offers.handlers.receipts.reprinting import Reprinter
from services.offers.handlers.redemption.desk import RedemptionDesk
from services.offers.handlers.repeating import Once
from services.offers.ports.repeating import AnswerStore
from services.offers.store.brakes.pulled import ISSUES_AS, PostgresBrakes
from services.offers.store.campaigns.knowledge import PostgresKnowledge
from services.offers.store.campaigns.stacking_rules import PostgresRules
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.checkout.issuing import SharedIssuing
from services.offers.store.checkout.reads import SharedCheckoutReads
from services.offers.store.checkout.shelves import ShelfReader, Shelves
from services.offers.store.codes import PostgresSigningKeys
from services.offers.store.connections import connector
from services.offers.store.fraud.watching import SharedSightings
from services.offers.store.lanes.leases import PostgresLaneLeases
from services.offers.store.leases.journal import LeaseJournal
from services.offers.store.leases.leased import PostgresLeases
from services.offers.store.money.ledger import PostgresLedger
from services.offers.store.privacy import PostgresPrivacy
from services.offers.store.receipts import PostgresReceipts
from services.offers.store.repeating import PostgresAnswers
from services.offers.store.revocation import PostgresRevocations
from services.offers.store.shared_statement import Limits, SharedStatement

S = TypeVar("S")
_SIGNING_KEYS_SECONDS = 10.0
"""Much less than a new key's lead."""
_SHELVES_SECONDS = 0.1
"""How soon a store that somebody asked for is read whole, where nobody else waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The parts of a serving process."""

    parts: Parts
    doors: Doors
    keeper: KnowledgeKeeper
    signing_keeper: RelayLoop
    shelf_reader: RelayLoop
    brake_loops: Sequence[RelayLoop]
    reads: SharedCheckoutReads
    issuing: SharedIssuing
    once: Once
    leases: Leases | None
    sightings: SharedSightings


def door_of(parts: Parts, codes: CodeKey) -> Door:
    """Join the parts; nothing connects yet. Ready means also: memory was filled once."""
    settings = parts.settings
    # In a play nobody queues at a till: giving up early would only make it impossible to repeat.
    statement_seconds = settings.greatest_deadline_ms / 1000 if settings.play_mode else settings.statement_seconds
    limits = Limits(
        most_together=settings.checkouts_together,
        most_waiting=settings.checkouts_waiting,
        statement_seconds=statement_seconds,
    )
    knowledge = Knowledge()
    keeper = KnowledgeKeeper(
        knowledge, PostgresKnowledge(parts.transactions), parts.clock, every_seconds=settings.refresh_seconds
    )
    connect = connector(
        settings.database_url.get_secret_value(),
        schema=SERVICE,
        name=ISSUES_AS,
        statement_seconds=statement_seconds,
    )

    def failed(statement: str, reason: str) -> None:
        parts.metrics.statement_failures.labels(statement, reason).inc()

    shelves = Shelves(settings.stores_remembered)
    reads = SharedCheckoutReads(connect, limits, failed, shelves)
    issuing = SharedIssuing(connect, limits, failed)
    signing_keys = _unit(parts.transactions, PostgresSigningKeys)
    signing = SigningRing(codes, signing_keys)
    print_room = PrintRoom(wording_of_ours(), print_policies(settings.print_policies_file))
    leases = leases_of(parts, _unit(parts.transactions, PostgresLeases), knowledge, signing, codes, print_room)
    policy = fraud_policy(settings.fraud_policy_file)
    sightings = sightings_of(parts, policy)
    desk = CheckoutDesk(
        reads=reads,
        issuing=issuing,
        keeper=keeper,
        codes=codes,
        signing=signing,
        clock=parts.clock,
        money_clock=money_clock_of(parts),
        metrics=parts.metrics,
        fresh_within=timedelta(seconds=settings.fresh_within_seconds),
        print_room=print_room,
        ladder=Ladder(
            parts.clock,
            parts.metrics,
            most_under_way=settings.checkouts_under_way,
            standby=leases.standby if leases else None,
        ),
    )
    doors = Doors(
        desk=desk,
        reprinter=Reprinter(codes, signing, picture_font(), parts.metrics),
        redemption_desk=RedemptionDesk(
            codes=codes,
            signing=signing,
            knowledge=knowledge,
            clock=money_clock_of(parts),
            limits=miss_limits_of(settings),
            metrics=parts.metrics,
            watch=watch_of(parts, sightings, policy),
        ),
        redemptions=_unit(parts.transactions, till_stores_of),
        campaigns=_unit(parts.transactions, PostgresCampaigns),
        signing=signing,
        signing_keys=signing_keys,
        revocations=_unit(parts.transactions, PostgresRevocations),
        privacy=_unit(parts.transactions, PostgresPrivacy),
        receipts=_unit(parts.transactions, PostgresReceipts),
        ledger=_unit(parts.transactions, PostgresLedger),
        stacking_rules=_unit(parts.transactions, PostgresRules),
        brakes=_unit(parts.transactions, PostgresBrakes),
        pseudonyms=settings.pseudonyms(),
        clock=parts.clock,
        money_clock=money_clock_of(parts),
        metrics=parts.metrics,
        greatest_deadline_ms=settings.greatest_deadline_ms,
        write_deadline_seconds=settings.write_deadline_seconds,
        refusal_floor_seconds=settings.refusal_floor_ms / 1000,
        batches=_unit(parts.transactions, batch_stores_of),
        reconciler=Reconciler(codes=codes, signing=signing, knowledge=knowledge, clock=money_clock_of(parts)),
        lane_leases=_unit(parts.transactions, PostgresLaneLeases),
        lanes=_unit(parts.transactions, lane_stores_of),
        lease_grace=timedelta(days=settings.lease_grace_days),
    )

    async def loaded() -> bool:
        return knowledge.loaded

    parts.health.ready["memory_filled"] = loaded
    parts.metrics.knowledge_age_seconds.set_function(lambda: keeper.age_seconds)
    signing_keeper = RelayLoop(
        signing.refresh, name="signing-keys", backoff=parts.backoff, idle_seconds=_SIGNING_KEYS_SECONDS
    )
    shelf_reader = RelayLoop(
        ShelfReader(shelves, parts.transactions).read_next,
        name="shelves",
        backoff=parts.backoff,
        idle_seconds=_SHELVES_SECONDS,
    )
    once = Once(
        begin=_shared_by_all(parts.transactions),
        clock=parts.clock,
        metrics=parts.metrics,
        deadline_seconds=settings.write_deadline_seconds,
    )
    return Door(
        parts=parts,
        doors=doors,
        keeper=keeper,
        signing_keeper=signing_keeper,
        shelf_reader=shelf_reader,
        brake_loops=brake_loops(parts, knowledge),
        reads=reads,
        issuing=issuing,
        once=once,
        leases=leases,
        sightings=sightings,
    )


@asynccontextmanager
async def running(door: Door) -> AsyncIterator[None]:
    """Serve statements and keep memory fresh while the block runs; a part that ends by itself fails liveness."""
    served: list[KnowledgeKeeper | RelayLoop | SharedStatement[Any, Any] | LoopLag | LeaseJournal]
    leasing = (door.leases.loop, door.leases.journal) if door.leases else ()
    lag = door.doors.desk.ladder.lag
    statements = (door.reads.statement, door.issuing.statement, door.sightings.statement)
    served = [door.keeper, door.signing_keeper, door.shelf_reader, *door.brake_loops, *statements, lag, *leasing]
    tasks = [asyncio.create_task(part.run(), name=type(part).__name__) for part in served]

    async def all_run() -> bool:
        return not any(task.done() for task in tasks)

    door.parts.health.alive["parts"] = all_run
    try:
        yield
    finally:
        for part in served:
            part.stop()
        _, late = await asyncio.wait(tasks, timeout=door.parts.settings.write_deadline_seconds)
        for task in late:
            task.cancel()
        if late:  # they hold connections, which only they can give back to the pool that is closed next
            await asyncio.wait(late, timeout=door.parts.settings.write_deadline_seconds)
        await door.parts.engine.dispose()


def _unit(
    transactions: Transactions, store_of: Callable[[Transaction], S]
) -> Callable[[], AbstractAsyncContextManager[S]]:
    """Begins a transaction with its store."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[S]:
        async with transactions.begin() as tx:
            yield store_of(tx)

    return begin


def _shared_by_all(transactions: Transactions) -> Callable[[], AbstractAsyncContextManager[AnswerStore]]:
    """Begins a transaction that all units begun within its block take part in."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[AnswerStore]:
        async with transactions.shared() as tx:
            yield PostgresAnswers(tx)

    return begin
