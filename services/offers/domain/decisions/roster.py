"""The campaigns that run in one store, made ready once: a decision then touches only what may win.

handlers/campaigns/knowledge.py keeps rosters as long as campaigns stay as they are; domain/decisions/decision.py asks them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Self, TypeAlias

from services.offers.domain.campaigns.campaign import Aim, Campaign
from services.offers.domain.campaigns.terms import WHOLE_PERCENT, PercentOff, Terms
from services.offers.domain.decisions.eligibility import Circumstances, Eligible, PastVoucher, Refusal, whole_refusal
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Offer, Prior, Scored

_KEPT = 256
"""Rosters at a time. Stores of which no campaign says anything of its own share one."""
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

_Entry: TypeAlias = tuple[int, int, int]
"""A campaign's number in its roster, its percentage (0: it promises something else), and its cap."""
_Entries: TypeAlias = tuple[Sequence[_Entry], Sequence[_Entry], Sequence[_Entry]]
"""All campaigns of a category, and of these the ones for what is known and the ones for what is new."""
_Asked: TypeAlias = tuple[int, CategoryNeed, int, Sequence[_Entry]]
"""A need's place, the need, what its goods cost, and who would promise something for it."""
_Found: TypeAlias = tuple[float, int, str, int, int]
"""The score turned round, the campaign's number, category, the need's place and what it takes off: in the order in which offers win."""
_KEY = itemgetter(1, 2)


@dataclass(frozen=True, slots=True)
class Lineup:
    """The campaigns of a roster that are for one tier, by their numbers; the others are refused for that."""

    numbers: frozenset[int]
    others: Mapping[int, Refusal]
    limited: frozenset[int]
    by_category: Mapping[str, _Entries]
    """Of each category that a campaign names: these, and those for all."""
    for_all: _Entries


@dataclass(frozen=True)
class Roster:
    """The campaigns that run in a store from a moment `since` until before another, by id, with what they promise there."""

    store_id: str
    campaigns: Sequence[Campaign]
    terms: Sequence[Terms]
    since: datetime = _EARLIEST
    until: datetime = _LATEST
    _lineups: dict[int, Lineup] = field(default_factory=dict)

    @classmethod
    def of(cls, campaigns: Mapping[str, Campaign], store_id: str, currency: str, now: datetime) -> Self:
        """Of all campaigns those that run there now."""
        found, changes = list[tuple[Campaign, Terms]](), list[datetime]()
        for campaign_id in sorted(campaigns):
            campaign = campaigns[campaign_id]
            terms = campaign.in_store(store_id, currency)
            if terms is not None:
                changes += [at for at in (campaign.starts_at, campaign.ends_at) if at is not None]
                if campaign.runs_at(now):
                    found.append((campaign, terms))
        return cls(
            store_id,
            [campaign for campaign, _ in found],
            [terms for _, terms in found],
            max((at for at in changes if at <= now), default=_EARLIEST),
            min((at for at in changes if at > now), default=_LATEST),
        )

    @cached_property
    def greatest_holdout_ratio(self) -> float:
        """Whoever stands at or above it is held out of none."""
        return max((campaign.holdout_ratio for campaign in self.campaigns), default=0.0)

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        """The number of each campaign."""
        return {campaign.campaign_id: number for number, campaign in enumerate(self.campaigns)}

    def lineup(self, tier: int) -> Lineup:
        """Those for a tier."""
        found = self._lineups.get(tier)
        if found is None:
            found = self._lineups[tier] = self._lined_up(tier)
        return found

    def whole_refusals(self, at: Circumstances, holdout_ratio: float, result: Eligible) -> Mapping[int, Refusal]:
        """The campaigns that may offer nothing, by their numbers; notes claims and room of those that have limits and may.

        Only those are looked at of which anything can be said: the others of this tier may, those of other tiers may not.
        """
        lineup = self.lineup(at.tier)
        past: defaultdict[str, list[PastVoucher]] = defaultdict(list)
        for voucher in at.past:
            past[voucher.campaign_id].append(voucher)
        refused, looked_at = dict(lineup.others), self._doubtful(lineup, at, holdout_ratio, past)
        for number in looked_at:
            campaign = self.campaigns[number]
            mine_of_it = past.get(campaign.campaign_id, ())
            refusal = whole_refusal(campaign, self.terms[number], at, holdout_ratio, mine_of_it, result)
            if refusal is not None:
                refused[number] = refusal
        return refused

    def strongest(
        self, needs: Sequence[CategoryNeed], at: Circumstances, prior: Prior, refused: Mapping[int, Refusal], most: int
    ) -> tuple[list[Scored], dict[Refusal, int]]:
        """The offers that are worth most, by key, no more than `most`; and how many were not made, why, beside the `refused`."""
        lineup = self.lineup(at.tier)
        asked: list[_Asked] = []
        matched = fitting = not_there = 0
        for place, need in enumerate(needs):
            whole, for_known, for_new = lineup.by_category.get(need.category, lineup.for_all)
            entries = for_known if need.known else for_new
            if refused:
                whole = [entry for entry in whole if entry[0] not in refused]
                entries = [entry for entry in entries if entry[0] not in refused]
            matched += len(whole)
            fitting += len(entries)
            if not need.item_ids:
                not_there += len(entries)
            elif entries:
                asked.append((place, need, need.price_cents or prior.price_cents, entries))
        missed = len(needs) * (len(self.campaigns) - len(refused)) - matched
        counted = {Refusal.NOT_TARGETED: missed, Refusal.AIM: matched - fitting, Refusal.UNAVAILABLE: not_there}
        offers = self._offers(self._scored(asked, prior), needs, most)
        return offers, {refusal: count for refusal, count in counted.items() if count}

    def _scored(self, asked: Sequence[_Asked], prior: Prior) -> list[_Found]:
        """What campaigns would earn by needs: `incremental_margin_cents`, with what it has of the need alone said once.

        All in one expression: a statement more for each offer would cost as much as the sum.
        """
        lifts = prior.discovery_lift_ratio, prior.lift_ratio
        margin_ratio, trip_cents, terms = prior.margin_ratio, prior.trip_margin_cents, self.terms
        return [
            (-(added_ratio * (earned_cents - cents) - chance * cents), number, need.category, place, cents)
            for place, need, price_cents, entries in asked
            for chance in (need.chance_ratio,)
            for added_ratio in (lifts[need.known] * chance * (1.0 - chance),)
            for earned_cents in (margin_ratio * price_cents + trip_cents,)
            for number, percent, cap_cents in entries
            for full in (
                price_cents * percent // WHOLE_PERCENT if percent else terms[number].discount_cents(price_cents),
            )
            for cents in (cap_cents if full > cap_cents else full,)  # noqa: FURB136 - a call costs as much as all the rest
        ]

    def _doubtful(
        self, lineup: Lineup, at: Circumstances, holdout_ratio: float, past: Collection[str]
    ) -> Collection[int]:
        """Those that may be refused; `past` are the campaigns that the customer has vouchers of."""
        if at.brakes.tokens or at.open_complaint:
            return range(len(self.campaigns))
        if holdout_ratio < self.greatest_holdout_ratio:
            return lineup.numbers
        if not past:
            return lineup.limited
        known = self.number_of
        return lineup.limited.union(known[name] for name in past if name in known) & lineup.numbers

    def _offers(self, found: list[_Found], needs: Sequence[CategoryNeed], most: int) -> list[Scored]:
        if len(found) > most:
            found.sort()
            del found[most:]
        found.sort(key=_KEY)
        names = self._names
        return [
            (
                Offer(
                    names[number][0],
                    category,
                    need.chance_ratio,
                    need.known,
                    need.price_cents,
                    cents,
                    names[number][1],
                ),
                -turned,
            )
            for turned, number, category, place, cents in found
            for need in (needs[place],)
        ]

    @cached_property
    def _names(self) -> Sequence[tuple[str, float]]:
        return [(campaign.campaign_id, campaign.exploration_ratio) for campaign in self.campaigns]

    def _lined_up(self, tier: int) -> Lineup:
        of_tier = [number for number, campaign in enumerate(self.campaigns) if tier in campaign.tiers]
        for_all = [number for number in of_tier if self.campaigns[number].targeted is None]
        named: defaultdict[str, list[int]] = defaultdict(list)
        for number in of_tier:
            for category in self.campaigns[number].targeted or ():
                named[category].append(number)
        return Lineup(
            frozenset(of_tier),
            dict.fromkeys(set(range(len(self.campaigns))).difference(of_tier), Refusal.TIER),
            frozenset(number for number in of_tier if self.campaigns[number].limits_in(self.store_id)),
            {category: self._entries((*numbers, *for_all)) for category, numbers in named.items()},
            self._entries(for_all),
        )

    def _entries(self, numbers: Sequence[int]) -> _Entries:
        aims = [(number, self.campaigns[number].aim) for number in numbers]
        return (
            [self._entry(number) for number in numbers],
            [self._entry(number) for number, aim in aims if aim is not Aim.DISCOVER],
            [self._entry(number) for number, aim in aims if aim is not Aim.USUAL],
        )

    def _entry(self, number: int) -> _Entry:
        terms = self.terms[number]
        percent = terms.promise.percent if isinstance(terms.promise, PercentOff) else 0
        return number, percent, terms.greatest_value_cents


class Rosters:
    """The rosters of all stores, made as they are asked for."""

    def __init__(self, campaigns: Mapping[str, Campaign]) -> None:
        self._campaigns = campaigns
        self._own = frozenset(store_id for campaign in campaigns.values() for store_id in campaign.stores)
        self._known: dict[tuple[str, str], Roster] = {}

    def at(self, store_id: str, currency: str, now: datetime) -> Roster:
        """What runs there now."""
        key = (store_id if store_id in self._own else "", currency)
        found = self._known.get(key)
        if found is None or not found.since <= now < found.until:
            if len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            found = self._known[key] = Roster.of(self._campaigns, key[0], currency, now)
        return found
