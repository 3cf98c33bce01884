"""The figures of every consumer."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PARTITION = ["group", "topic", "partition"]


class StreamMetrics:
    """Registered once per process; shared by its consumers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, help_text: str, labels: list[str]) -> Counter:
            return Counter(f"stream_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, labels: list[str]) -> Gauge:
            return Gauge(f"stream_{name}", help_text, labels, registry=registry)

        self.records = counter("records_total", "Records whose effect is committed.", ["group", "topic"])
        self.bytes = counter("bytes_total", "Bytes of those records.", ["group", "topic"])
        self.batch_seconds = Histogram(
            "stream_batch_seconds",
            "From a decoded batch to its commit.",
            ["group", "topic"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.stage_seconds = counter(
            "stage_seconds_total", "Where the time of batches goes, waiting included.", ["group", "topic", "stage"]
        )
        self.progress_timestamp = gauge(
            "offset_progress_timestamp_seconds",
            "When the offset was last seen to move, or nothing waited (Unix time).",
            _PARTITION,
        )
        self.lag_records = gauge("lag_records", "Records in the log above the stored offset.", _PARTITION)
        self.lag_seconds = gauge(
            "lag_seconds", "Age of the newest applied record while there is lag, else 0.", _PARTITION
        )
        self.stopped = gauge("partition_stopped", "1 when too many dead letters stopped it.", _PARTITION)
        self.rebalances = counter("rebalances_total", "Times that partitions came or went.", ["group"])
        self.conflicts = counter(
            "offset_conflicts_total", "Batches that another owner had already moved.", ["group", "topic"]
        )
        self.retries = counter("retries_total", "Batches put off, by reason.", ["group", "topic", "reason"])
        self.dead_letters = counter("dead_letters_total", "Records set aside, by reason.", ["group", "topic", "reason"])
        self.deduplicated = counter("deduplicated_total", "Events seen before and dropped.", ["group", "topic"])
        self.skipped = counter("skipped_total", "Events of a type unknown to this release.", ["group", "topic"])
