"""The figures of every relay."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Registered once per process; `relay` is the outbox or the newest-state table."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Gauge(
            "outbox_rows", "Rows that wait to be published (counted up to 100 000).", ["relay"], registry=registry
        )
        self.oldest_age_seconds = Gauge(
            "outbox_oldest_age_seconds", "How long the relay has not been caught up.", ["relay"], registry=registry
        )
        self.published = Counter("outbox_published_total", "Acknowledged messages.", ["relay"], registry=registry)
        self.failed = Counter(
            "outbox_send_failures_total",
            "Messages without acknowledgement, by reason.",
            ["relay", "reason"],
            registry=registry,
        )
        self.republished = Counter(
            "outbox_republished_total",
            "Times that a new broker log made a relay publish everything again.",
            ["relay"],
            registry=registry,
        )
