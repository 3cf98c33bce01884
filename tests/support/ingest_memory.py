"""The way from the front door to a profile in memory: a broker whose answers are told beforehand, a worker with an inbox."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from libs.common.contracts import TOPICS, decode
from libs.common.contracts.pos import Sale
from libs.common.errors import UsualError
from libs.common.persistence import Message
from libs.common.streaming.batch import Record, TopicPartition
from libs.common.streaming.errors import SendRefused, SendUnknown
from libs.common.streaming.memory import MemoryBroker
from libs.common.streaming.reading import read
from tests.support.ingest_journal import Name
from tests.support.ingest_laws import Effect, Place

PARTITIONS = 2


class Answer(Enum):
    """What becomes of the messages of one request with one key, and what the door learns of it."""

    ACKNOWLEDGED = auto()
    WRITTEN_TWICE = auto()
    """Acknowledged, after a retry inside the client."""
    WRITTEN_UNKNOWN = auto()
    """Written; the acknowledgement was lost."""
    WRITTEN_LATE = auto()
    """Unknown, and written when nobody waits any more."""
    LOST = auto()
    """Unknown, and never written."""
    REFUSED = auto()


def memory_broker() -> MemoryBroker:
    """The door's topics, empty."""
    return MemoryBroker({topic.name: PARTITIONS for topic in TOPICS if topic.owner == "ingest"})


@dataclass
class UnreliableBroker:
    """Fits EventPublisher. Answers as told; then it is well."""

    broker: MemoryBroker = field(default_factory=memory_broker)
    answers: deque[Answer] = field(default_factory=deque)
    _late: list[Message] = field(default_factory=list)

    async def publish(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        by_key: defaultdict[tuple[str, bytes | None], list[Message]] = defaultdict(list)
        for message in messages:
            by_key[message.topic, message.key].append(message)
        failures = {key: self._send(sent) for key, sent in by_key.items()}
        return [failures[message.topic, message.key] for message in messages]

    def write_late(self) -> None:
        """What was on its way arrives."""
        late, self._late = self._late, []
        self._write(late)

    def heal(self) -> None:
        """From now on all goes well."""
        self.answers.clear()
        self.write_late()

    def _send(self, messages: Sequence[Message]) -> UsualError | None:
        match self.answers.popleft() if self.answers else Answer.ACKNOWLEDGED:
            case Answer.ACKNOWLEDGED:
                self._write(messages)
            case Answer.WRITTEN_TWICE:
                self._write([*messages, *messages])
            case Answer.WRITTEN_UNKNOWN:
                self._write(messages)
                return SendUnknown("no acknowledgement")
            case Answer.WRITTEN_LATE:
                self._late += messages
                return SendUnknown("no acknowledgement")
            case Answer.LOST:
                return SendUnknown("no acknowledgement")
            case Answer.REFUSED:
                return SendRefused("not written")
        return None

    def _write(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.broker.write(message)

    @property
    def records(self) -> list[tuple[Place, Name]]:
        """All that the topics hold."""
        return [
            ((partition.topic, partition.partition, record.offset), _name(record))
            for partition, log in self.broker.logs.items()
            for record in log
        ]


@dataclass
class MemoryWorker:
    """Applies sales with their inbox and offsets in one transaction that may not come true."""

    broker: MemoryBroker
    offsets: defaultdict[TopicPartition, int] = field(default_factory=lambda: defaultdict(int))
    inbox: set[str] = field(default_factory=set)
    facets: dict[str, Effect] = field(default_factory=dict)

    def work(self, *, commits: bool, most: int = 100) -> None:
        """One batch of each partition; without the commit nothing of it has happened, and it will come again."""
        for partition, log in self.broker.logs.items():
            records = log[self.offsets[partition] : self.offsets[partition] + most]
            seen, facets = set(self.inbox), dict(self.facets)
            for event, _ in read(records, decode, compacted=False).events:
                if event.event_id not in seen and isinstance(event.data, Sale) and event.data.customer:
                    seen.add(event.event_id)
                    was = facets.get(event.data.customer.key, Effect())
                    facets[event.data.customer.key] = Effect(
                        was.receipts + 1, was.amount_cents + event.data.total_cents, was.contacts + 1
                    )
            if commits:
                self.inbox, self.facets = seen, facets
                self.offsets[partition] += len(records)


def _name(record: Record) -> Name:
    event = decode(record.headers, record.value)
    return event.source, event.id
