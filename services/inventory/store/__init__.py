"""The ports on PostgreSQL: batched statements, rows always taken in the order of their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, Transaction, append, dead_letters
from services.inventory.ports import (
    CatalogStore,
    ClosingStore,
    CommandLog,
    CommandStore,
    ExceptionStore,
    ReceiptStore,
    ReviewStore,
    StockStore,
    ViewStore,
)
from services.inventory.ports.assortment import AssortmentStore, TrialStore
from services.inventory.ports.counting import CountingStore
from services.inventory.ports.lanes import LaneRoundStore
from services.inventory.ports.lead_times import LeadTimeStore
from services.inventory.ports.links import LinkStore
from services.inventory.ports.lots import LotStore
from services.inventory.ports.policies import PolicyStore
from services.inventory.ports.unmet import UnmetStore
from services.inventory.ports.vouchers import PromotionStore, VoucherStore
from services.inventory.store.assortment.rows import PostgresAssortment
from services.inventory.store.assortment.trials import PostgresTrials
from services.inventory.store.catalog import PostgresCatalog
from services.inventory.store.closing.days import PostgresClosing
from services.inventory.store.closing.links import PostgresLinks
from services.inventory.store.closing.unmet import PostgresUnmet
from services.inventory.store.commands.exceptions import PostgresExceptions
from services.inventory.store.commands.log import PostgresCommandLog
from services.inventory.store.commands.rows import PostgresCommands
from services.inventory.store.counting import PostgresCounting
from services.inventory.store.demand import PostgresPromotions
from services.inventory.store.lanes import PostgresLaneRounds
from services.inventory.store.lead_times import PostgresLeadTimes
from services.inventory.store.policies import PostgresPolicies
from services.inventory.store.reviewing import PostgresReviews
from services.inventory.store.stock.lots import PostgresLots
from services.inventory.store.stock.receipts import PostgresReceipts
from services.inventory.store.stock.stock import PostgresStock
from services.inventory.store.views import PostgresViews
from services.inventory.store.vouchers import PostgresVouchers

_STILL_THERE = text("SELECT 1")


@dataclass(frozen=True, slots=True)
class PostgresInventory:
    """Fits InventoryStore within one transaction."""

    tx: Transaction
    catalog: CatalogStore
    receipts: ReceiptStore
    stock: StockStore
    commands: CommandStore
    log: CommandLog
    exceptions: ExceptionStore
    reviews: ReviewStore
    closing: ClosingStore
    views: ViewStore
    policies: PolicyStore
    lanes: LaneRoundStore
    lead_times: LeadTimeStore
    counting: CountingStore
    vouchers: VoucherStore
    promotions: PromotionStore
    unmet: UnmetStore
    lots: LotStore
    links: LinkStore
    assortment: AssortmentStore
    trials: TrialStore

    async def forget_dead_letters(self, keys: Sequence[str]) -> int:
        """As the port promises."""
        return await dead_letters.forget_keys(self.tx, keys)

    async def append(self, messages: Sequence[OutboxMessage]) -> None:
        """Let events leave if and only if this transaction commits."""
        await append(self.tx, messages)

    async def still_there(self) -> None:
        """End the idle time that the server counts."""
        await self.tx.connection.execute(_STILL_THERE)


def store_of(tx: Transaction) -> PostgresInventory:
    """The store within `tx`."""
    return PostgresInventory(
        tx=tx,
        catalog=PostgresCatalog(tx),
        receipts=PostgresReceipts(tx),
        stock=PostgresStock(tx),
        commands=PostgresCommands(tx),
        log=PostgresCommandLog(tx),
        exceptions=PostgresExceptions(tx),
        reviews=PostgresReviews(tx),
        closing=PostgresClosing(tx),
        views=PostgresViews(tx),
        policies=PostgresPolicies(tx),
        lanes=PostgresLaneRounds(tx),
        lead_times=PostgresLeadTimes(tx),
        counting=PostgresCounting(tx),
        vouchers=PostgresVouchers(tx),
        promotions=PostgresPromotions(tx),
        unmet=PostgresUnmet(tx),
        lots=PostgresLots(tx),
        links=PostgresLinks(tx),
        assortment=PostgresAssortment(tx),
        trials=PostgresTrials(tx),
    )
