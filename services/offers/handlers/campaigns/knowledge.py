"""What every decision reads from memory: campaigns, catalogue, model; brought up to date when a newer revision is seen."""

import asyncio
from dataclasses import dataclass, field

import msgspec
import structlog

from libs.common.clock import Clock
from libs.common.errors import RetryableError
from services.offers.domain.brakes.brake import NO_BRAKES, Brakes
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.catalogue import Item, Store
from services.offers.domain.campaigns.stacking_rules import StackingRules
from services.offers.domain.decisions.needs import NeedModel
from services.offers.domain.decisions.roster import Rosters
from services.offers.domain.money.limits import Per, Period
from services.offers.ports.campaigns.knowledge import Changes, KnowledgeStore, Revisions, StoredModel

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Knowledge:
    """Replaced piece by piece as changes come; `loaded` once all of it was read."""

    revisions: Revisions = field(default_factory=Revisions)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    model: NeedModel = field(default_factory=NeedModel.unlearned)
    prior_item_ids: list[str] = field(default_factory=list)
    loaded: bool = False
    limit_pairs: frozenset[tuple[Per, Period]] = frozenset()
    """Of which kinds the campaigns' limits are."""
    remembered_days: int = 0
    """So far back lie the vouchers that count against any campaign's rails."""
    stacking_rules: StackingRules = field(default_factory=StackingRules)
    brakes: Brakes = NO_BRAKES
    rosters: Rosters = field(default_factory=lambda: Rosters({}))
    """The campaigns by store, ready to decide by."""

    def stops(self, campaign_id: str, store_id: str) -> bool:
        """Whether a brake stops this campaign in this store, as far as this process knows: for what is given without the database."""
        return self.brakes.stops(campaign_id, store_id)

    def take_in(self, changes: Changes, model: NeedModel | None) -> None:
        """Apply what is newer."""
        if changes.campaigns is not None:
            self.campaigns = dict(changes.campaigns)
            self.rosters = Rosters(self.campaigns)
            self.remembered_days = max((each.remembered_days for each in self.campaigns.values()), default=0)
            self.limit_pairs = frozenset(
                (limit.per, limit.period)
                for campaign in self.campaigns.values()
                for store_id in ("", *campaign.stores)
                for limit in campaign.limits_in(store_id)
            )
        if changes.stacking_rules is not None:
            self.stacking_rules = changes.stacking_rules
        self.items.update((item.item_id, item) for item in changes.items)
        for item_id in changes.gone_item_ids:
            self.items.pop(item_id, None)
        self.stores.update((store.store_id, store) for store in changes.stores)
        if model is not None:
            self.model = model
            self.prior_item_ids = model.prior_item_ids()
        self.revisions = changes.revisions
        self.loaded = True


class KnowledgeKeeper:
    """Refreshes the knowledge of one process, one refresh at a time."""

    def __init__(self, knowledge: Knowledge, store: KnowledgeStore, clock: Clock, *, every_seconds: float) -> None:
        self.knowledge = knowledge
        self._store = store
        self._clock = clock
        self._looked_at_seconds = clock.monotonic_seconds()
        self._every_seconds = every_seconds
        self._stopping = asyncio.Event()
        self._wanted = asyncio.Event()
        self._refreshing = asyncio.Lock()

    @property
    def age_seconds(self) -> float:
        """Since memory was last seen to be up to date."""
        return self._clock.monotonic_seconds() - self._looked_at_seconds

    def saw(self, revisions: Revisions) -> bool:
        """Whether memory is as new as `revisions`; if not, a refresh is on its way."""
        known = self.knowledge.revisions
        current = (
            known.campaigns >= revisions.campaigns
            and known.catalogue >= revisions.catalogue
            and known.models >= revisions.models
        )
        if not current:
            self._wanted.set()
        return current

    async def refresh(self) -> None:
        """Read what is newer; raises RetryableError. A model that can't be read is left out, the last good one stays."""
        async with self._refreshing:
            changes = await self._store.changes_since(self.knowledge.revisions)
            # Decoding takes tens of milliseconds: not on the loop that answers tills.
            model = await asyncio.to_thread(_decode, changes.model) if changes.model else None
            self.knowledge.take_in(changes, model)
            self._looked_at_seconds = self._clock.monotonic_seconds()

    async def catch_up(self, revisions: Revisions) -> None:
        """Refresh until memory is as new as `revisions`; raises RetryableError."""
        while not self.saw(revisions):
            await self.refresh()

    async def run(self) -> None:
        """Refresh when asked to and every few seconds, until `stop`."""
        while not self._stopping.is_set():
            try:
                await self.refresh()
            except RetryableError as error:
                _log.warning("knowledge not refreshed", slug=error.slug, detail=error.detail)
            self._wanted.clear()
            try:
                await asyncio.wait_for(self._wanted.wait(), self._every_seconds)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()
        self._wanted.set()


def _decode(stored: StoredModel) -> NeedModel | None:
    try:
        return NeedModel.of(stored.model_id, msgspec.json.decode(stored.body))
    except (ValueError, KeyError, TypeError, msgspec.DecodeError) as error:
        _log.exception("model can't be read", model_id=stored.model_id, error=type(error).__name__)
        return None
