"""What the API answers about assortment: lines with their evidence and stop rule, and trials."""

from datetime import datetime
from typing import Literal

from services.inventory.api.shapes import Answer
from services.inventory.domain.assortment.evidence import SHOWN_WEEKS, Seller
from services.inventory.domain.assortment.introductions import Introduction
from services.inventory.domain.assortment.placements import Placement
from services.inventory.domain.assortment.searches import PlaceKind, Sought, SubjectKind
from services.inventory.domain.assortment.stop_rule import StopRule
from services.inventory.domain.assortment.trials import Standing
from services.inventory.domain.assortment.unmet_demand import UnmetDemand
from services.inventory.ports.assortment import Trial


class SearchesAnswer(Answer):
    """Searches over `weeks` weeks; of weeks in which fewer than five visitors searched nothing is told."""

    weeks: int
    searches: int
    without_result: int
    least_visitors: int
    """In the best of these weeks there were so many different visitors, or more."""


class StopRuleAnswer(Answer):
    """`units` must be asked for within `days`; `fewest` is what must have been after each whole week before, or it ends early."""

    units: int
    days: int
    fewest: tuple[int, ...]
    expected_units_week: float
    missed_ratio: float
    """The chance that an item that sells as expected is taken out."""
    kept_ratio: float
    """The chance that an item that sells half of it is kept."""
    says: str


class SellerAnswer(Answer):
    """What an item sells in a store, in units a week."""

    item_id: str
    store_id: str
    units_week: float


class UnmetDemandAnswer(Answer):
    """Demand that was not met: `missed_units_week` met an empty shelf."""

    subject_kind: SubjectKind
    subject_id: str
    place_kind: PlaceKind
    place_id: str
    demand_units_week: float
    missed_units_week: float
    missed_cents_week: int
    searches: SearchesAnswer
    says: str


class UnmetDemandPage(Answer):
    """The most valuable first."""

    unmet_demand: tuple[UnmetDemandAnswer, ...]


class IntroductionAnswer(Answer):
    """An item for a store, with what it rests on and when to stop."""

    item_id: str
    store_id: str
    expected_units_week: float
    expected_cents_week: int | None
    evidence: tuple[SellerAnswer, ...]
    """Its own sales in comparable stores, or those of items like it in this one."""
    searches: SearchesAnswer
    stop_rule: StopRuleAnswer
    says: str


class IntroductionPage(Answer):
    """Best first."""

    introductions: tuple[IntroductionAnswer, ...]


class TrialAnswer(Answer):
    """An item that was introduced, and how it does under its stop rule: `keep` and `stop` are final."""

    item_id: str
    store_id: str
    standing: Standing
    reason: str
    units: float
    days: int
    """On the shelf, until it was decided or the newest closed day."""
    stop_rule: StopRuleAnswer
    says: str
    """Why it was introduced."""
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None


class TrialPage(Answer):
    """Trials in the order of (store, item); `next` asks for what follows, as `after`."""

    trials: tuple[TrialAnswer, ...]
    next: str | None


class TrialDecisionAnswer(Answer):
    """What the decision came to, and the shelf's newest trial, if there ever was one."""

    effect: Literal["applied", "repeated"]
    trial: TrialAnswer | None


def unmet_answer(found: UnmetDemand) -> UnmetDemandAnswer:
    """A line of unmet demand as it is answered."""
    return UnmetDemandAnswer(
        subject_kind=found.subject.kind,
        subject_id=found.subject.subject_id,
        place_kind=found.place.kind,
        place_id=found.place.place_id,
        demand_units_week=round(found.demand_week, 2),
        missed_units_week=round(found.missed_week, 3),
        missed_cents_week=found.missed_cents_week,
        searches=_searches(found.sought),
        says=found.says,
    )


def introduction_answer(found: Introduction | Placement) -> IntroductionAnswer:
    """An item for a store as it is answered."""
    return IntroductionAnswer(
        item_id=found.item_id,
        store_id=found.store_id,
        expected_units_week=round(found.expected_units_week, 3),
        expected_cents_week=found.expected_cents_week if isinstance(found, Introduction) else None,
        evidence=tuple(map(_seller, found.sellers)),
        searches=_searches(found.sought),
        stop_rule=_rule(found.rule),
        says=found.says,
    )


def trial_answer(found: Trial) -> TrialAnswer:
    """A trial as it is answered."""
    return TrialAnswer(
        item_id=found.item_id,
        store_id=found.store_id,
        standing=found.judgement.standing,
        reason=found.judgement.reason,
        units=round(found.judgement.units, 3),
        days=found.judgement.days,
        stop_rule=_rule(found.rule),
        says=found.says,
        started_at=found.started_at,
        started_by=found.started_by,
        ended_at=found.ended_at,
        ended_by=found.ended_by,
    )


def _searches(sought: Sought) -> SearchesAnswer:
    return SearchesAnswer(
        weeks=SHOWN_WEEKS,
        searches=sought.searches,
        without_result=sought.unanswered,
        least_visitors=sought.visitors,
    )


def _seller(one: Seller) -> SellerAnswer:
    return SellerAnswer(item_id=one.item_id, store_id=one.store_id, units_week=round(one.units_week, 3))


def _rule(rule: StopRule) -> StopRuleAnswer:
    return StopRuleAnswer(
        units=rule.units,
        days=rule.days,
        fewest=rule.fewest,
        expected_units_week=rule.expected_units_week,
        missed_ratio=round(rule.missed_ratio, 3),
        kept_ratio=round(rule.kept_ratio, 3),
        says=rule.says,
    )
