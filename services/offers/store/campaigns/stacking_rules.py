"""The chain's rules and their versions, in PostgreSQL."""

from sqlalchemy import text

from libs.common.errors import Conflict
from libs.common.persistence import Transaction
from services.offers.domain.campaigns.stacking_rules import StackingRules
from services.offers.ports.campaigns.stacking_rules import VersionedRules

_NEWEST = text(
    "SELECT version, CAST(body AS text) AS body FROM stacking_rules ORDER BY stacking_rules.version DESC LIMIT 1"
)
_PUT = text("""
    INSERT INTO stacking_rules (version, body, author) VALUES (:version, CAST(:body AS jsonb), :author) ON CONFLICT DO NOTHING
""")
_CHANGED = text("UPDATE revisions SET revision = revision + 1 WHERE kind = 'campaigns'")


class PostgresRules:
    """Fits RulesStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def newest(self) -> VersionedRules:
        """As they stand."""
        row = (await self._tx.connection.execute(_NEWEST)).one_or_none()
        if row is None:
            return VersionedRules(rules=StackingRules(), version=0)
        return VersionedRules(rules=StackingRules.model_validate_json(row.body), version=row.version)

    async def put(self, rules: StackingRules, version: int, author: str) -> None:
        """Keep a new version, which processes see as they see campaigns; raises Conflict when somebody else put it."""
        names = {"version": version, "body": rules.model_dump_json(), "author": author}
        if (await self._tx.connection.execute(_PUT, names)).rowcount != 1:
            raise Conflict("somebody else put a version at the same time", slug="campaign-changed")
        await self._tx.connection.execute(_CHANGED)
