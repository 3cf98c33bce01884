"""Every figure of offers: name, unit, what it says."""

from functools import cached_property
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.offers.metrics.ladder import LadderMetrics
from services.offers.metrics.lanes import LaneMetrics
from services.offers.metrics.stopping import BrakeMetrics, FraudMetrics

DECISION_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1, 2)
FRESHNESS_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 20, 30)


class OffersMetrics:
    """Registered once per process; the api fills the upper part, the worker the lower."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.checkouts = Counter(
            "offers_checkouts_total", "Checkouts answered, by tier and reason.", ["tier", "reason"], registry=registry
        )
        self.repeats = Counter(
            "offers_checkout_repeats_total", "Checkouts that were answered before.", registry=registry
        )
        self.decision_seconds = Histogram(
            "offers_decision_seconds",
            "From an accepted checkout to its answer.",
            ["tier"],
            buckets=DECISION_BUCKETS,
            registry=registry,
        )
        self.late = Counter(
            "offers_late_answers_total", "Checkouts whose answer missed the caller's deadline.", registry=registry
        )
        self.outcome_unknown = Counter(
            "offers_outcome_unknown_total",
            "Commits that were given up: their vouchers may exist unprinted until they expire.",
            registry=registry,
        )
        self.statement_failures = Counter(
            "offers_statement_failures_total",
            "Shared statements that failed as a whole, by reason.",
            ["statement", "reason"],
            registry=registry,
        )
        self.issued = Counter(
            "offers_vouchers_issued_total", "Vouchers issued.", ["campaign", "tier"], registry=registry
        )
        self.redeemed = Counter("offers_vouchers_redeemed_total", "Vouchers redeemed.", ["campaign"], registry=registry)
        self.rolled_back = Counter(
            "offers_vouchers_rolled_back_total", "Redemptions taken back.", ["campaign"], registry=registry
        )
        self.redemptions_refused = Counter(
            "offers_redemptions_refused_total", "Redemptions refused, by reason.", ["reason"], registry=registry
        )
        self.code_misses = Counter(
            "offers_code_misses_total",
            "Codes presented that were guesses, for all we know: by authorised tills, and by others.",
            ["presenter"],
            registry=registry,
        )
        self.code_locks = Counter(
            "offers_code_locks_total",
            "Times that misses locked a lane, a store or a caller out for a while.",
            ["presenter", "subject"],
            registry=registry,
        )
        self.locked_out = Counter(
            "offers_codes_locked_out_total", "Codes not looked at because of a lock.", registry=registry
        )
        self.holds = Counter(
            "offers_holds_total",
            "Holds of vouchers by till, by what became of them: held, refused, extended, released, lapsed.",
            ["outcome"],
            registry=registry,
        )
        self.refusals = Counter(
            "offers_refusals_total", "Offers that were not made, by reason.", ["reason"], registry=registry
        )
        self.expired = Counter(
            "offers_vouchers_expired_total", "Vouchers that ended unused.", ["campaign"], registry=registry
        )
        self.revoked = Counter(
            "offers_vouchers_revoked_total", "Vouchers ended by a revocation.", ["campaign"], registry=registry
        )
        self.batch_codes = Counter(
            "offers_batch_codes_total",
            "Vouchers of batches, by source (made, imported): made; refused, because their code was there already.",
            ["source", "outcome"],
            registry=registry,
        )
        self.paper_millimetres = Counter(
            "offers_paper_millimetres_total",
            "Paper for coupons: printed, asked (if the customer says yes), declined of it, saved (e-receipt alone).",
            ["outcome"],
            registry=registry,
        )
        self.printings = Counter(
            "offers_receipts_printed_total",
            "Receipts of which a till said what became of them: printed, declined, failed.",
            ["outcome"],
            registry=registry,
        )
        self.receipts_rendered = Counter(
            "offers_receipts_rendered_total", "Receipts made again on request, by form.", ["form"], registry=registry
        )
        self.budget_cents = Gauge(
            "offers_budget_cents",
            "A campaign's money in minor units: cap, reserved, spent, backing, drawn of the backing, leased to lanes, lost by them.",
            ["campaign", "part", "currency"],
            registry=registry,
        )
        self.ledger_difference_cents = Gauge(
            "offers_ledger_difference_cents",
            "How far a campaign's budget and its journal are apart, in minor units. Anything but 0 is an alarm.",
            ["campaign", "currency"],
            registry=registry,
        )
        self.ledger_missing = Gauge(
            "offers_ledger_missing_transfers",
            "Transfers that a campaign's journal should have and has not. Anything but 0 is an alarm.",
            ["campaign"],
            registry=registry,
        )
        self.ledger_checked_at = Gauge(
            "offers_ledger_checked_timestamp_seconds",
            "When journals and budgets were last compared.",
            registry=registry,
        )
        self.ladder, self.lanes, self.brakes, self.fraud = _by_subject(registry)
        self.freshness_seconds = Histogram(
            "offers_profile_freshness_seconds",
            "From an event's acceptance at the door to its effect in what checkouts read.",
            buckets=FRESHNESS_BUCKETS,
            registry=registry,
        )
        self.complete_until = Gauge(
            "offers_profile_complete_until_timestamp_seconds",
            "Everything accepted at the door before this moment is in the profiles that checkouts read.",
            registry=registry,
        )
        self.knowledge_age_seconds = Gauge(
            "offers_knowledge_age_seconds", "Since memory was last seen to be up to date.", registry=registry
        )
        self.keyed_writes = Counter(
            "offers_keyed_writes_total",
            "Writes with an Idempotency-Key: done, failed (nothing kept), repeat, other (request under this key), in-flight.",
            ["outcome"],
            registry=registry,
        )

    def answers(self) -> tuple[int, int]:
        """Checkouts answered so far, and those of them that were too late or whose outcome is unknown."""
        late_or_unknown = _total(self.late) + _total(self.outcome_unknown)
        return _total(self.checkouts), late_or_unknown

    @cached_property
    def _children(self) -> dict[tuple[object, ...], Counter | Histogram]:
        return {}

    def counted(self, counter: Counter, *labels: str) -> Counter:
        """The series of these labels, looked up once: a look-up costs more than a count."""
        key = (counter, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = counter.labels(*labels)
        return cast("Counter", found)

    def timed(self, histogram: Histogram, *labels: str) -> Histogram:
        """The same of a histogram."""
        key = (histogram, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = histogram.labels(*labels)
        return cast("Histogram", found)

    def paper(self, printing: str, paper_mm: int, saved_mm: int) -> None:
        """Count one answer's paper."""
        if paper_mm:
            self.counted(self.paper_millimetres, "asked" if printing == "ask" else "printed").inc(paper_mm)
        if saved_mm:
            self.counted(self.paper_millimetres, "saved").inc(saved_mm)


def _by_subject(registry: CollectorRegistry) -> tuple[LadderMetrics, LaneMetrics, BrakeMetrics, FraudMetrics]:
    return LadderMetrics(registry), LaneMetrics(registry), BrakeMetrics(registry), FraudMetrics(registry)


def _total(counter: Counter) -> int:
    """Of all its labels."""
    return int(
        sum(sample.value for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total"))
    )
