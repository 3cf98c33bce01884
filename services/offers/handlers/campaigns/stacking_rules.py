"""The chain's rules on which vouchers go together, as head office states them."""

from services.offers.domain.campaigns.stacking_rules import StackingRules
from services.offers.ports.campaigns.stacking_rules import RulesStore, VersionedRules


async def put_rules(store: RulesStore, rules: StackingRules, author: str) -> VersionedRules:
    """The rules as they stand afterwards; the same again make no new version. Raises Conflict."""
    known = await store.newest()
    if known.rules == rules and known.version:
        return known
    await store.put(rules, known.version + 1, author)
    return await store.newest()
