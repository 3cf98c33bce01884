"""Fills a process's memory from PostgreSQL: only what is newer than it knows."""

import logging

from pydantic import ValidationError
from sqlalchemy import text

from libs.common.persistence import Transaction, Transactions
from libs.common.zones import known_zone
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Item, Store
from services.offers.domain.campaigns.validity import Closed
from services.offers.ports.campaigns.knowledge import Changes, Revisions, StoredModel
from services.offers.store.campaigns.stacking_rules import PostgresRules

# Read first: the rows that follow may be newer than these numbers say, never older.
_REVISIONS = text("SELECT kind, revision FROM revisions")
_CAMPAIGNS = text(
    "SELECT DISTINCT ON (campaign_id) CAST(body AS text) AS body FROM campaigns ORDER BY campaign_id, version DESC"
)
_ITEMS = text("""
    SELECT item_id, name, category, item_type, price_cents, voucherable, stock_keeping, barred, gone
    FROM items WHERE revision > :known
""")
_STORES = text("""
    SELECT store_id, name, time_zone, currency, country, region, partner, closed_weekdays, closed_on
    FROM stores WHERE revision > :known
""")
_MODEL = text("SELECT model_id, body FROM models WHERE revision > :known ORDER BY revision DESC LIMIT 1")


_log = logging.getLogger(__name__)


class PostgresKnowledge:
    """Fits KnowledgeStore."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def changes_since(self, known: Revisions) -> Changes:
        """What is newer than `known`; raises RetryableError."""
        async with self._transactions.begin() as tx:
            rows = await tx.connection.execute(_REVISIONS)
            newest = Revisions(**{row.kind: row.revision for row in rows})
            items = await self._items(tx, known) if newest.catalogue > known.catalogue else ([], [])
            return Changes(
                revisions=newest,
                campaigns=await self._campaigns(tx) if newest.campaigns > known.campaigns else None,
                items=items[0],
                gone_item_ids=items[1],
                stores=await self._stores(tx, known) if newest.catalogue > known.catalogue else (),
                model=await self._model(tx, known) if newest.models > known.models else None,
                stacking_rules=(await PostgresRules(tx).newest()).rules if newest.campaigns > known.campaigns else None,
            )

    async def _campaigns(self, tx: Transaction) -> dict[str, Campaign]:
        rows = (await tx.connection.execute(_CAMPAIGNS)).scalars()
        campaigns = [campaign for body in rows if (campaign := _campaign(body))]
        return {campaign.campaign_id: campaign for campaign in campaigns}

    async def _items(self, tx: Transaction, known: Revisions) -> tuple[list[Item], list[str]]:
        items, gone = [], []
        for row in await tx.connection.execute(_ITEMS, {"known": known.catalogue}):
            if row.gone:
                gone.append(row.item_id)
                continue
            items.append(
                Item(
                    item_id=row.item_id,
                    name=row.name,
                    category=row.category,
                    item_type=row.item_type,
                    price_cents=row.price_cents,
                    voucherable=row.voucherable,
                    stock_keeping=row.stock_keeping,
                    barred=row.barred,
                )
            )
        return items, gone

    async def _stores(self, tx: Transaction, known: Revisions) -> list[Store]:
        rows = await tx.connection.execute(_STORES, {"known": known.catalogue})
        return [
            Store(
                store_id=row.store_id,
                name=row.name,
                time_zone=known_zone(row.time_zone),
                currency=row.currency,
                country=row.country,
                closed=Closed(weekdays=frozenset(row.closed_weekdays), dates=frozenset(row.closed_on)),
                region=row.region,
                partner=row.partner,
            )
            for row in rows
        ]

    async def _model(self, tx: Transaction, known: Revisions) -> StoredModel | None:
        row = (await tx.connection.execute(_MODEL, {"known": known.models})).one_or_none()
        return StoredModel(model_id=row.model_id, body=bytes(row.body)) if row else None


def _campaign(body: str) -> Campaign | None:
    """None for one that this release can't read: during an update it is a later one's, and the others must run on."""
    try:
        return Campaign.model_validate_json(body)
    except ValidationError as error:
        _log.error("a campaign is left out: %s", error.errors(include_input=False, include_url=False))
        return None
