"""The role `worker`: forgets whom profile says is to be forgotten."""

from libs.common.persistence import OutboxRelay
from libs.common.service import ServiceParts, assemble_parts, run_as_worker
from libs.common.streaming import Consumer, Producer, Subscription, Worker
from services.ingest.bootstrap import SERVICE
from services.ingest.consumer import GROUP, TOPICS, erasures_handler
from services.ingest.metrics import IngestMetrics
from services.ingest.settings import Settings
from services.ingest.store import PostgresErasures


def assemble_worker(settings: Settings) -> ServiceParts[Settings, IngestMetrics]:
    """Join the common parts; nothing connects yet."""
    return assemble_parts(SERVICE, settings, "worker", IngestMetrics)


def worker_of(parts: ServiceParts[Settings, IngestMetrics]) -> Worker:
    """Reads erasures, deletes keys and quarantined events, answers."""
    runtime = parts.stream_runtime()
    producer = Producer(runtime.settings)
    consumer = Consumer(
        runtime,
        Subscription(group=GROUP, topics=TOPICS, deduplicate=True),
        erasures_handler(PostgresErasures, parts.metrics, parts.clock),
    )
    parts.health.alive["consumer"] = consumer.healthy
    parts.health.ready["flowing"] = consumer.flowing
    return Worker(
        first=[consumer],
        last=[OutboxRelay(parts.relay_runtime(producer))],
        producer=producer,
        engine=parts.engine,
        on_stopping=parts.drain,
    )


async def run_worker(settings: Settings) -> None:
    """Forget until SIGTERM or SIGINT."""
    parts = assemble_worker(settings)
    await run_as_worker(parts, worker_of(parts))
