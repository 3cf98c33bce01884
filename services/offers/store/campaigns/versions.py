"""Campaigns with their versions and budgets."""

from collections.abc import Sequence

from sqlalchemy import TextClause, text

from libs.common.errors import Conflict
from libs.common.persistence import Transaction
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.money import ledger
from services.offers.domain.money.limits import Counter, Per, Period, Use
from services.offers.ports.campaigns.versions import VersionedCampaign
from services.offers.ports.money import Cause
from services.offers.store.money.ledger import BUDGET_COLUMNS, budget_of, lock_budget, post
from services.offers.store.money.limits import most_used

_NEWEST = f"""
    SELECT DISTINCT ON (campaign_id) campaign_id, version, CAST(body AS text) AS body, {BUDGET_COLUMNS}
    FROM campaigns JOIN budgets USING (campaign_id)
"""  # noqa: S608  # columns of our own
_ONE = text(_NEWEST + "WHERE campaign_id = :campaign_id ORDER BY campaign_id, version DESC")
_ALL = text(_NEWEST + "ORDER BY campaign_id, version DESC")
_PUT = text("""
    INSERT INTO campaigns (campaign_id, version, body, author)
    VALUES (:campaign_id, :version, CAST(:body AS jsonb), :author) ON CONFLICT DO NOTHING
""")
_BUDGET = text("""
    INSERT INTO budgets (campaign_id, currency, cap_cents) VALUES (:campaign_id, :currency, 0) ON CONFLICT DO NOTHING
""")
_CHANGED = text("UPDATE revisions SET revision = revision + 1 WHERE kind = 'campaigns'")


class PostgresCampaigns:
    """Fits CampaignStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def newest(self, campaign_id: str) -> VersionedCampaign | None:
        """The newest version; None for an unknown id."""
        rows = await self._read(_ONE, {"campaign_id": campaign_id})
        return rows[0] if rows else None

    async def all(self) -> Sequence[VersionedCampaign]:
        """All campaigns, newest versions, by id."""
        return await self._read(_ALL, {})

    async def put(self, campaign: Campaign, version: int, author: str) -> None:
        """Keep a new version and set its budget's cap.

        Raises Conflict when somebody else put this version, or reserved and spent are above the cap by now.
        """
        names = {"campaign_id": campaign.campaign_id}
        # Without what is left empty: a process of a release before refuses fields that it does not know.
        body = campaign.model_dump_json(exclude_none=True)
        kept = await self._tx.connection.execute(_PUT, names | {"version": version, "body": body, "author": author})
        if kept.rowcount != 1:
            raise Conflict("somebody else put a version at the same time", slug="campaign-changed")
        await self._tx.connection.execute(_BUDGET, names | {"currency": campaign.currency})
        budget = await lock_budget(self._tx, campaign.campaign_id)
        if budget.exposure_cents > campaign.cap_cents + campaign.over_issue_cents:
            raise Conflict("more is reserved and spent than the new cap", slug="cap-below-exposure")
        cause = Cause(f"version {version} by {author}")
        transfers = [
            *ledger.funded(budget.cap_cents, campaign.cap_cents),
            *ledger.backed(budget.backing_cents, campaign.backing_cents),
        ]
        await post(self._tx, campaign.campaign_id, transfers, cause, over_issue_cents=campaign.over_issue_cents)
        await self._tx.connection.execute(_CHANGED)

    async def most_used(
        self, campaign_id: str, per: Per, period: Period, entity: str | None, most: int
    ) -> Sequence[tuple[Counter, Use]]:
        """As the port promises."""
        return await most_used(self._tx, campaign_id, per, period, entity, most)

    async def _read(self, statement: TextClause, parameters: dict[str, str]) -> list[VersionedCampaign]:
        return [
            VersionedCampaign(
                campaign=Campaign.model_validate_json(row.body),
                version=row.version,
                budget=budget_of(row),
            )
            for row in await self._tx.connection.execute(statement, parameters)
        ]
