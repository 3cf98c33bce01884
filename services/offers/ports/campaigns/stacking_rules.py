"""What stating the chain's rules needs: their versions."""

from dataclasses import dataclass
from typing import Protocol

from services.offers.domain.campaigns.stacking_rules import StackingRules


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedRules:
    """The chain's rules as they stand; version 0: nobody said anything."""

    rules: StackingRules
    version: int


class RulesStore(Protocol):
    """The chain's rules within one transaction."""

    async def newest(self) -> VersionedRules:
        """As they stand."""
        ...

    async def put(self, rules: StackingRules, version: int, author: str) -> None:
        """Keep a new version; raises Conflict when somebody else put it."""
        ...
