"""What brakes and signs of fraud stopped."""

from prometheus_client import CollectorRegistry, Counter, Gauge


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
