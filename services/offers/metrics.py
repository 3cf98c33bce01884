"""Every figure of offers: name, unit, what it says."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
            "A campaign's money in minor units: cap, reserved, spent, backing, drawn of the backing.",
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
        self.brakes, self.fraud, self.ladder = BrakeMetrics(registry), FraudMetrics(registry), LadderMetrics(registry)
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

    def paper(self, printing: str, paper_mm: int, saved_mm: int) -> None:
        """Count one answer's paper."""
        if paper_mm:
            self.paper_millimetres.labels("asked" if printing == "ask" else "printed").inc(paper_mm)
        if saved_mm:
            self.paper_millimetres.labels("saved").inc(saved_mm)


class LadderMetrics:
    """What became of checkouts that the database did not answer in time; filled by the api, but for leases that expired."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shed = Counter(
            "offers_checkouts_shed_total",
            "Checkouts answered at once because too many were under way.",
            registry=registry,
        )
        self.leases_free = Gauge(
            "offers_leases_free", "Leased vouchers in hand, for when there is no database.", registry=registry
        )
        self.lease_journal_usable = Gauge(
            "offers_lease_journal_usable", "1 while vouchers may be handed out from leases.", registry=registry
        )
        self.lease_failures = Counter(
            "offers_lease_failures_total",
            "Answers from leases that came to nothing, by reason: their vouchers stay reserved until the lease is looked through.",
            ["reason"],
            registry=registry,
        )
        self.hand_outs_waiting = Gauge(
            "offers_hand_outs_waiting",
            "Checkouts answered from leases that are not in the database yet.",
            registry=registry,
        )
        self.hand_outs_bound = Counter(
            "offers_hand_outs_bound_total",
            "Checkouts answered from leases that came into the database: new, replaced (their own commit had happened, untold), "
            "beside (another answer may be on paper too), done (before).",
            ["binding"],
            registry=registry,
        )
        self.leases_expired = Counter(
            "offers_leases_expired_total", "Leases that ended without word from their process.", registry=registry
        )


class BrakeMetrics:
    """Brakes: the api counts, the worker measures."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decided_again = Counter(
            "offers_checkouts_decided_again_total",
            "Checkouts decided once more, because a brake was pulled between reading and issuing.",
            registry=registry,
        )
        self.pulled = Counter(
            "offers_brakes_pulled_total",
            "Brakes pulled, by what they stop and by whom or which rule.",
            ["scope", "pulled_for"],
            registry=registry,
        )
        self.unsettled = Counter(
            "offers_brakes_unsettled_total",
            "Brakes of which the answer was given while a statement that began before was still under way.",
            registry=registry,
        )
        self.in_force = Gauge(
            "offers_brakes_in_force", "Brakes in force, by what they stop.", ["scope"], registry=registry
        )
        self.oldest_age_seconds = Gauge(
            "offers_brakes_oldest_age_seconds",
            "Since the oldest brake in force was pulled; 0 without one.",
            registry=registry,
        )


class FraudMetrics:
    """Signs of fraud at redemptions; the api counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.actions = Counter(
            "offers_fraud_actions_total",
            "Codes presented, by what was done: allow, step-up, confirmed, block, noted (refused anyway), unwatched.",
            ["action"],
            registry=registry,
        )
        self.signals = Counter(
            "offers_fraud_signals_total", "Signs of fraud in codes presented, by sign.", ["signal"], registry=registry
        )
        self.unwatched = Counter(
            "offers_fraud_unwatched_total",
            "Codes let through without a look, because the look was slow or its database away.",
            ["reason"],
            registry=registry,
        )


def _total(counter: Counter) -> int:
    """Of all its labels."""
    return int(
        sum(sample.value for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total"))
    )
