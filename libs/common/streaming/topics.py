"""Creates what the contracts declare; called by the laptop, by tests and by deployments without a topic operator."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from libs.common.contracts import Topic
from libs.common.contracts.topics import RAW_RETENTION
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings

_DEAD_LETTER_PARTITIONS = 1
_GREATEST_SEGMENT = timedelta(days=1)


async def ensure_topics(settings: StreamSettings, topics: Iterable[Topic], *, replication: int = 1) -> None:
    """Create those of `topics`, and their dead-letter topics, that do not exist; existing ones stay as they are.

    Raises BrokerUnavailable when the broker does not answer or refuses.
    """
    wanted = [new for topic in topics for new in _with_dead_letters(topic, replication)]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap, client_id=f"{settings.client_id}-admin")
    try:
        async with asyncio.timeout(settings.call_deadline_seconds * 3):
            await admin.start()
            answer = await admin.create_topics(wanted)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"topics not created: {type(error).__name__}") from error
    finally:
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(admin.close(), settings.stop_deadline_seconds)
    for name, code, *_ in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise BrokerUnavailable(f"topic {name} not created: {for_code(code).__name__}")


def _with_dead_letters(topic: Topic, replication: int) -> Iterable[NewTopic]:
    yield NewTopic(topic.name, topic.partitions, replication, topic_configs=_configs(topic))
    if topic.dead_letters:
        kept = _kept_for(topic.retention or RAW_RETENTION)
        yield NewTopic(topic.dead_letter_name, _DEAD_LETTER_PARTITIONS, replication, topic_configs=kept)


def _configs(topic: Topic) -> dict[str, str]:
    configs: dict[str, str] = {}
    if topic.compacted:
        lag = _ms(topic.compaction_lag)
        configs |= {"cleanup.policy": "compact", "max.compaction.lag.ms": lag, "delete.retention.ms": lag}
    if topic.retention is not None:
        configs |= _kept_for(topic.retention)
    return configs


def _kept_for(retention: timedelta) -> dict[str, str]:
    # A segment goes as a whole, when its newest record is old enough: without this limit, up to a week late.
    return {"retention.ms": _ms(retention), "segment.ms": _ms(min(retention, _GREATEST_SEGMENT))}


def _ms(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))
