"""Every figure of the front door."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from libs.common.contracts import CONTRACTS


class IngestMetrics:
    """Registered once per process. `type` is one that the contracts name, or `other`: callers can make no new series."""

    def __init__(self, registry: CollectorRegistry, *, taken_bytes: Callable[[], float] = float) -> None:
        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"ingest_{name}", help_text, labels, registry=registry)

        self.accepted = counter("events_accepted_total", "Events that the broker acknowledged.", "type")
        self.accepted_of = cache(self.accepted.labels)
        """The series of a type, looked up once: a look-up costs more than a count."""
        self.quarantined = counter(
            "events_quarantined_total", "Invalid events, kept with their reason.", "type", "slug"
        )
        self.refused = counter("events_refused_total", "Events that were neither published nor kept.", "type", "slug")
        self.unknown = counter("events_unknown_total", "Events whose acknowledgement did not come in time.", "type")
        self.duplicates = counter(
            "events_duplicate_total", "Events that the broker had acknowledged before, not sent again.", "type"
        )
        self.card_numbers = counter(
            "card_numbers_refused_total", "Refused for a payment card number; nothing of it was kept.", "door"
        )
        self.junk_removed = counter(
            "junk_identifiers_removed_total", "Identifiers that stand for nobody, taken out of accepted events.", "type"
        )
        self.clocks_wrong = counter(
            "clocks_wrong_total",
            "Events whose time was too far off: corrected (they count as on receipt) or quarantined.",
            "outcome",
        )
        self.persons_erased = counter("erasures_total", "Erasures that deleted keys and quarantined events (worker).")
        self.quarantine_waiting = Gauge(
            "ingest_quarantine_waiting_events",
            "Events in quarantine that wait, by the database: the same in every process.",
            ["type", "slug"],
            registry=registry,
        )
        self.late_seconds = Histogram(
            "ingest_late_seconds",
            "How long before its receipt an event happened, where that is over a minute.",
            buckets=(120, 600, 3_600, 6 * 3_600, 86_400, 3 * 86_400, 7 * 86_400, 28 * 86_400),
            registry=registry,
        )
        self.publish_seconds = Histogram(
            "ingest_publish_seconds",
            "From the first send of a request to its last acknowledgement.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
            registry=registry,
        )
        self.batch_events = Histogram(
            "ingest_batch_events", "Events in a request.", buckets=(1, 10, 50, 100, 250, 500, 1000), registry=registry
        )
        self.in_flight_requests = Gauge("ingest_in_flight_requests", "Requests under way.", registry=registry)
        self.in_flight_bytes = Gauge("ingest_in_flight_bytes", "Bodies under way.", registry=registry)
        self.in_flight_bytes.set_function(taken_bytes)


def type_label(event_type: str | None) -> str:
    """The type as a label's value."""
    return event_type if event_type is not None and event_type in CONTRACTS else "other"
