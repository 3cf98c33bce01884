"""Every figure of this service; what streams, relays and requests measure comes on top."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.inventory.domain.learning.calibration import CLASSES, HORIZONS, LEVELS, Coverage

_GAUGE_LABELS: Mapping[str, tuple[str, ...]] = {
    "open_commands": ("kind", "status"),
    "oldest_unanswered": (),
    "negative_stock": (),
    "availability": ("status",),
    "agenda": (),
    "webhooks": ("state",),
    "webhook_lag": ("webhook_id",),
    "edi_waiting": ("partner_id",),
    "exceptions": ("reason",),
    "unnumbered": (),
    "voucher_ends": ("shelf",),
    "met_empty_ratio": (),
    "trials": ("standing",),
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
        self.command_events = counter(
            "command_events_total", "What waiting and rules came to: held, sent_again, escalated, expired.", "event"
        )
        self.decisions = counter("decisions_total", "What people decided on commands.", "ruling")
        self.live_readers = gauge("live_readers", "Readers of the live stream that this process serves.")
        self.slow_readers = counter(
            "slow_readers_total", "Live readers that went, or were cut off, while they did not read."
        )
        self.acknowledgements = counter(
            "acknowledgements_total", "Answers to commands, by what they came to.", "effect"
        )
        self.lane_orders = counter(
            "lane_orders_total",
            "Orders of lanes with limits at their cut-off: whole, cut, dropped, filled, waits.",
            "outcome",
        )
        self.reviews = counter("reviews_total", "Reviews that ran to their end.")
        self.reviewed_items = counter("reviewed_items_total", "Items that reviews looked at.")
        self.review_seconds = Histogram(
            "inventory_review_seconds",
            "One review, all its batches.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.closes = counter("closes_total", "Days that were closed.")
        self.closed_items = counter("closed_items_total", "Items whose day was learned.")
        self.close_seconds = Histogram(
            "inventory_close_seconds",
            "One day's close, all the batches of this worker.",
            buckets=(0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self.freshness_seconds = Histogram(
            "inventory_freshness_seconds",
            "From the front door's acceptance of a receipt to its lines in the stock.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
            registry=registry,
        )
        self.webhook_attempts = counter(
            "webhook_attempts_total", "Events posted to webhooks, by how it ended.", "outcome"
        )
        self.webhooks_disabled = counter("webhooks_disabled_total", "Webhooks given up on, by why.", "reason")
        self.edi_interchanges = counter(
            "edi_interchanges_total", "EDI interchanges written, taken and put aside.", "format", "outcome"
        )
        of = ("horizon", "class", "level")
        self.forecasts_compared = counter(
            "forecasts_compared_total",
            "Forecasts beside what came: a day and a week, once a week for every shelf.",
            *of,
        )
        self.forecasts_covered = counter(
            "forecasts_covered_total", "Of these, how often demand stayed at or under the quantile.", *of
        )
        self.forecasts_promised = counter(
            "forecasts_promised_total", "The sum of the chances that the quantiles had of that.", *of
        )
        self.searches = counter(
            "searches_total", "Searches of the website: whether anything in the catalogue was meant.", "outcome"
        )
        self.trial_decisions = counter("trial_decisions_total", "What people decided of introductions.", "ruling")
        for form in ("edifact", "x12"):
            for outcome in ("written", "taken", "refused", "unsayable"):
                self.edi_interchanges.labels(form, outcome)  # there from the start, so that an alert sees the first
        self._gauges = {
            "open_commands": gauge("open_commands", "Commands that goods may still come of.", "kind", "status"),
            "oldest_unanswered": gauge(
                "oldest_unanswered_command_seconds", "Age of the oldest unanswered command at the last review."
            ),
            "negative_stock": gauge("negative_stock_shelves", "Shelves whose book stock is below nothing."),
            "availability": gauge("availability_shelves", "Shelves by what offers was told.", "status"),
            "voucher_ends": gauge(
                "vouchers_ended", "Vouchers used or run out, by whether an item they are for lay on the shelf.", "shelf"
            ),
            "met_empty_ratio": gauge(
                "vouchers_met_empty_shelf_ratio", "Of the vouchers that ended, the share that met an empty shelf."
            ),
            "agenda": gauge("agenda_items", "Items that wait for the next review."),
            "webhooks": gauge("webhooks", "Webhook subscriptions.", "state"),
            "webhook_lag": gauge(
                "webhook_lag_entries", "Entries of the log of commands behind a webhook's cursor.", "webhook_id"
            ),
            "edi_waiting": gauge(
                "edi_waiting_interchanges", "Interchanges written for a partner and not fetched yet.", "partner_id"
            ),
            "exceptions": gauge("exceptions", "Commands that wait for a person, by what for.", "reason"),
            "trials": gauge("trials", "Introductions on trial, by how they stand.", "standing"),
            "unnumbered": gauge("unnumbered_changes", "Changes of commands that no live reader can see yet."),
        }

    def show(self, found: Mapping[str, Mapping[tuple[str, ...], float]]) -> None:
        """Set the gauges to what the database says."""
        for name, shown in self._gauges.items():
            values = found.get(name, {})
            if _GAUGE_LABELS[name]:
                shown.clear()
            for labels, value in values.items():
                (shown.labels(*labels) if labels else shown).set(value)

    def count_coverage(self, found: Coverage) -> None:
        """What forecasts kept of what they promised, by horizon, class of shelf and level."""
        counted = (
            (self.forecasts_compared, found.compared),
            (self.forecasts_covered, found.covered),
            (self.forecasts_promised, found.promised),
        )
        for window, horizon in enumerate(HORIZONS):
            for place, shelf_class in enumerate(CLASSES):
                for level, target in enumerate(LEVELS):
                    for counter, values in counted:
                        counter.labels(horizon, shelf_class, f"{target:g}").inc(values[window, place, level])
