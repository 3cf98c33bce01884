"""What the ladder of tiers shows of itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge


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
