"""The only importer of aiokafka: batches in, messages out, exactly once in effect (at least once on the wire)."""

from libs.common.persistence.dead_letters import DeadLetterLimit
from libs.common.streaming.batch import Batch, BatchHandler, Record, TopicPartition
from libs.common.streaming.cluster import Cluster
from libs.common.streaming.consumer import Consumer
from libs.common.streaming.errors import (
    BrokerUnavailable,
    LogRangeMissing,
    SendRefused,
    SendTooLarge,
    SendUnknown,
)
from libs.common.streaming.metrics import StreamMetrics
from libs.common.streaming.producer import Producer
from libs.common.streaming.runtime import StreamRuntime, Subscription
from libs.common.streaming.settings import StreamSettings
from libs.common.streaming.topics import ensure_topics
from libs.common.streaming.worker import Worker, run_until_stopped, stop_on_signals

__all__ = [
    "Batch",
    "BatchHandler",
    "BrokerUnavailable",
    "Cluster",
    "Consumer",
    "DeadLetterLimit",
    "LogRangeMissing",
    "Producer",
    "Record",
    "SendRefused",
    "SendTooLarge",
    "SendUnknown",
    "StreamMetrics",
    "StreamRuntime",
    "StreamSettings",
    "Subscription",
    "TopicPartition",
    "Worker",
    "ensure_topics",
    "run_until_stopped",
    "stop_on_signals",
]
