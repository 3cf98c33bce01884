"""What decisions read from memory, and where memory is filled from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Item, Store
from services.offers.domain.campaigns.stacking_rules import StackingRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """The newest change of each kind of knowledge."""

    campaigns: int = 0
    catalogue: int = 0
    models: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """A published model, not decoded yet."""

    model_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became known since some revisions; None: unchanged."""

    revisions: Revisions
    campaigns: Mapping[str, Campaign] | None = None
    items: Sequence[Item] = ()
    gone_item_ids: Sequence[str] = ()
    stores: Sequence[Store] = ()
    model: StoredModel | None = None
    stacking_rules: StackingRules | None = None


class KnowledgeStore(Protocol):
    """Where memory is filled from."""

    async def changes_since(self, known: Revisions) -> Changes:
        """What is newer than `known`; raises RetryableError."""
        ...
