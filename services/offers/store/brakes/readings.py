"""What trips brakes, read off the journals by where they were read up to, off redemptions and off what doors say."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.brakes.tripping import FAULTS, Reading
from services.offers.domain.campaigns.brake_bounds import CampaignBounds
from services.offers.domain.money.ledger import Move
from services.offers.ports.brakes import CampaignReading

_MINE = text("SELECT pg_try_advisory_xact_lock(hashtext('offers'), hashtext('spend_readings'))")
_READ_ON = text(f"""
    WITH newer AS (
        SELECT journal.campaign_id, journal.number, posted_at,
               CASE WHEN move = '{Move.ISSUE}' THEN amount_cents ELSE 0 END AS promised_cents,
               CASE WHEN move = '{Move.REDEEM}' THEN amount_cents ELSE 0 END AS given_cents
        FROM budgets LEFT JOIN spend_watch AS watch USING (campaign_id)
        JOIN journal ON journal.campaign_id = budgets.campaign_id AND journal.number > coalesce(watch.number, 0)
        WHERE budgets.transfers > coalesce(watch.number, 0)
    ),
    reached AS (
        INSERT INTO spend_watch SELECT campaign_id, max(number) FROM newer GROUP BY campaign_id
        ON CONFLICT (campaign_id) DO UPDATE SET number = excluded.number
    )
    INSERT INTO spend_readings AS known
    SELECT campaign_id, date_trunc('second', posted_at), sum(promised_cents), sum(given_cents) FROM newer
    WHERE promised_cents + given_cents > 0 AND posted_at > now() - make_interval(secs => :window)
    GROUP BY 1, 2
    ON CONFLICT (campaign_id, at) DO UPDATE SET promised_cents = known.promised_cents + excluded.promised_cents,
                                                given_cents = known.given_cents + excluded.given_cents
""")  # noqa: S608  # names of our own
_FORGET = text("DELETE FROM spend_readings WHERE at < now() - make_interval(secs => :window)")
_FORGET_DOORS = text("DELETE FROM door_readings WHERE at < now() - make_interval(secs => :window)")
_CAMPAIGNS = text("""
    WITH since AS (
        SELECT budgets.campaign_id, budgets.currency,
               coalesce((SELECT max(released_at) FROM brakes WHERE scope = 'campaign' AND brakes.entity_id = budgets.campaign_id),
                        '-infinity') AS released_at
        FROM budgets
        WHERE NOT EXISTS (SELECT FROM brakes WHERE released_at IS NULL
                            AND (scope = 'chain' OR (scope = 'campaign' AND entity_id = budgets.campaign_id)))
    ),
    money AS (
        SELECT campaign_id, sum(promised_cents) AS promised_cents, sum(given_cents) AS given_cents
        FROM spend_readings JOIN since USING (campaign_id)
        WHERE at > now() - make_interval(secs => :window) AND at > released_at GROUP BY campaign_id
    ),
    tries AS (
        SELECT vouchers.campaign_id, count(*) AS attempts, count(*) FILTER (WHERE reason = ANY(CAST(:faults AS text[]))) AS faults
        FROM redemptions JOIN vouchers USING (voucher_id) JOIN since ON since.campaign_id = vouchers.campaign_id
        WHERE answered_at > :since AND answered_at > since.released_at GROUP BY vouchers.campaign_id
    )
    SELECT campaign_id, currency, coalesce(promised_cents, 0) AS promised_cents, coalesce(given_cents, 0) AS given_cents,
           coalesce(attempts, 0) AS attempts, coalesce(faults, 0) AS faults,
           (SELECT CAST(body -> 'brake' AS text) FROM campaigns
            WHERE campaigns.campaign_id = since.campaign_id ORDER BY version DESC LIMIT 1) AS bounds
    FROM since LEFT JOIN money USING (campaign_id) LEFT JOIN tries USING (campaign_id)
    WHERE money.campaign_id IS NOT NULL OR tries.campaign_id IS NOT NULL
    ORDER BY campaign_id
""")
_SINCE_CHAIN = """
    at > now() - make_interval(secs => :window)
    AND at > coalesce((SELECT max(released_at) FROM brakes WHERE scope = 'chain'), '-infinity')
"""
_BY_CURRENCY = text(f"""
    SELECT currency, CAST(sum(promised_cents) AS bigint) AS promised_cents, CAST(sum(given_cents) AS bigint) AS given_cents
    FROM spend_readings JOIN budgets USING (campaign_id) WHERE {_SINCE_CHAIN} GROUP BY currency
""")  # noqa: S608  # a condition of our own
_DOORS = text(f"""
    SELECT CAST(coalesce(sum(answered), 0) AS bigint) AS answered, CAST(coalesce(sum(lost), 0) AS bigint) AS lost
    FROM door_readings WHERE {_SINCE_CHAIN}
""")  # noqa: S608  # a condition of our own
_NOTE = text("INSERT INTO door_readings (answered, lost) VALUES (:answered, :lost)")


class PostgresReadings:
    """Fits ReadingStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def mine(self) -> bool:
        """As the port promises."""
        return bool((await self._tx.connection.execute(_MINE)).scalar_one())

    async def read_on(self, window_seconds: int) -> None:
        """As the port promises. Every row of a journal is read once, in the order of its numbers."""
        for statement in (_READ_ON, _FORGET, _FORGET_DOORS):
            await self._tx.connection.execute(statement, {"window": window_seconds})

    async def campaigns(self, window_seconds: int, now: datetime) -> Sequence[CampaignReading]:
        """As the port promises."""
        names = {"window": window_seconds, "since": now - timedelta(seconds=window_seconds), "faults": sorted(FAULTS)}
        return [
            CampaignReading(
                campaign_id=row.campaign_id,
                currency=row.currency,
                bounds=CampaignBounds.model_validate_json(row.bounds) if row.bounds not in (None, "null") else None,
                reading=Reading(
                    promised_cents=int(row.promised_cents),
                    given_cents=int(row.given_cents),
                    attempts=row.attempts,
                    faults=row.faults,
                ),
            )
            for row in await self._tx.connection.execute(_CAMPAIGNS, names)
        ]

    async def by_currency(self, window_seconds: int) -> Mapping[str, Reading]:
        """As the port promises."""
        rows = await self._tx.connection.execute(_BY_CURRENCY, {"window": window_seconds})
        return {row.currency: Reading(promised_cents=row.promised_cents, given_cents=row.given_cents) for row in rows}

    async def doors(self, window_seconds: int) -> Reading:
        """As the port promises."""
        row = (await self._tx.connection.execute(_DOORS, {"window": window_seconds})).one()
        return Reading(attempts=row.answered, faults=row.lost)

    async def note(self, answered: int, lost: int) -> None:
        """As the port promises."""
        await self._tx.connection.execute(_NOTE, {"answered": answered, "lost": lost})
