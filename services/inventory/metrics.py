"""Every figure of this service; what streams, relays and requests measure comes on top."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_GAUGE_LABELS: Mapping[str, tuple[str, ...]] = {
    "open_commands": ("kind", "status"),
    "oldest_unanswered": (),
    "negative_stock": (),
    "availability": ("status",),
    "agenda": (),
}


class InventoryMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"inventory_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(f"inventory_{name}", help_text, labels, registry=registry)

        self.facts = counter(
            "facts_total", "What was applied: receipt lines repartitioned, demand, stock facts, ...", "kind"
        )
        self.commands = counter("commands_total", "Commands given, new versions included.", "kind")
        self.acknowledgements = counter(
            "acknowledgements_total", "Answers to commands, by what they came to.", "effect"
        )
        self.reviews = counter("reviews_total", "Reviews that ran to their end.")
        self.reviewed_items = counter("reviewed_items_total", "Items that reviews looked at.")
        self.review_seconds = Histogram(
            "inventory_review_seconds",
            "One review, all its batches.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.freshness_seconds = Histogram(
            "inventory_freshness_seconds",
            "From the front door's acceptance of a receipt to its lines in the stock.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
            registry=registry,
        )
        self._gauges = {
            "open_commands": gauge("open_commands", "Commands that goods may still come of.", "kind", "status"),
            "oldest_unanswered": gauge(
                "oldest_unanswered_command_seconds", "Age of the oldest unanswered command at the last review."
            ),
            "negative_stock": gauge("negative_stock_shelves", "Shelves whose book stock is below nothing."),
            "availability": gauge("availability_shelves", "Shelves by what offers was told.", "status"),
            "agenda": gauge("agenda_items", "Items that wait for the next review."),
        }

    def show(self, found: Mapping[str, Mapping[tuple[str, ...], float]]) -> None:
        """Set the gauges to what the database says."""
        for name, shown in self._gauges.items():
            values = found.get(name, {})
            if _GAUGE_LABELS[name]:
                shown.clear()
            for labels, value in values.items():
                (shown.labels(*labels) if labels else shown).set(value)
