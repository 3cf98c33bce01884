"""Every figure of this service that is not a consumer's or a relay's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FRESHNESS_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5, 10, 30)


class ProfileMetrics:
    """Registered once per process; a role fills those that it has to do with."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.contacts = Counter(
            "profile_contacts_total",
            "Events that had their effect (or were ignored, parked), by kind.",
            ["kind"],
            registry=registry,
        )
        self.folded = Counter("profile_customers_folded_total", "Customer views made.", registry=registry)
        self.fold_seconds = Histogram(
            "profile_fold_seconds",
            "One round of the folder, from claim to commit.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.segment_moves = Counter(
            "profile_segment_moves_total",
            "Customers who came into or left a segment.",
            ["segment", "moved"],
            registry=registry,
        )
        self.segment_sweep = Gauge(
            "profile_segment_sweep_customers",
            "Customers to be looked at yet after the newest change of a segment's rule.",
            registry=registry,
        )
        self.dirty = Gauge("profile_dirty_marks", "Changes of facets that no view shows yet.", registry=registry)
        self.dirty_oldest_seconds = Gauge(
            "profile_dirty_oldest_age_seconds", "Age of the oldest such change.", registry=registry
        )
        self.parked = Gauge("profile_parked_returns", "Returns and voids whose sale is not known.", registry=registry)
        self.freshness_seconds = Histogram(
            "profile_freshness_seconds",
            "From the newest event's acceptance at the door to its snapshot's way to the topic.",
            buckets=_FRESHNESS_BUCKETS,
            registry=registry,
        )
        self.learning_queue = Gauge(
            "profile_learning_queue_baskets", "Baskets that the models have not learned from.", registry=registry
        )
        self.learned = Counter("profile_learned_baskets_total", "Baskets learned from.", registry=registry)
        self.learn_seconds = Histogram(
            "profile_learn_seconds",
            "One step of the learner, from the queue to the commit.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.trained_until = Gauge(
            "profile_trained_until_timestamp_seconds",
            "Event time up to which the models have learned.",
            registry=registry,
        )
        self.model_number = Gauge("profile_model_number", "Number of the newest models.", registry=registry)
        self.next_baskets = Counter(
            "profile_next_basket_total", "Next-basket answers, by what made them.", ["ranker"], registry=registry
        )
        self.open_erasures = Gauge(
            "profile_open_erasures", "Erasures that not every service has answered.", registry=registry
        )
        self.open_erasures_oldest_seconds = Gauge(
            "profile_open_erasures_oldest_age_seconds", "Age of the oldest such erasure.", registry=registry
        )
