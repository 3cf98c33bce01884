"""What offline tills cost, as their journals come in."""

from prometheus_client import CollectorRegistry, Counter


class LaneMetrics:
    """What lanes gave without a network, as it comes in; filled by the api, but for leases that were forsaken."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Counter(
            "offers_offline_entries_total",
            "Entries of lanes' journals that came in, by what became of them and why.",
            ["status", "reason"],
            registry=registry,
        )
        self.uncovered_cents = Counter(
            "offers_offline_uncovered_cents_total",
            "What lanes gave beyond their leases, in minor units. Anything but 0 is an alarm.",
            ["campaign"],
            registry=registry,
        )
        self.leases_forsaken = Counter(
            "offers_leases_forsaken_total",
            "Leases whose lane never sent its journal as a whole while it was waited for.",
            registry=registry,
        )
