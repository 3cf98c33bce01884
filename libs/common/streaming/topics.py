"""Creates what the contracts declare; called by the laptop, by tests and by deployments without a topic operator."""

import asyncio
import contextlib
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from libs.common.contracts import Topic
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.settings import StreamSettings

_DEAD_LETTER_PARTITIONS = 1


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
        yield NewTopic(topic.dead_letter_name, _DEAD_LETTER_PARTITIONS, replication, topic_configs={})


def _configs(topic: Topic) -> dict[str, str]:
    configs = {}
    if topic.compacted:
        configs["cleanup.policy"] = "compact"
    if topic.retention is not None:
        configs["retention.ms"] = str(int(topic.retention.total_seconds() * 1000))
    return configs
