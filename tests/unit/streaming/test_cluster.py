"""What is asked of a broker that has just started: its topics are known, the leaders of their partitions not yet."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NoError, NotLeaderForPartitionError, OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from libs.common.streaming import Cluster, StreamSettings
from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.errors import BrokerUnavailable
from libs.common.streaming.source import LogRange

SALES = [TopicPartition("sales", 0), TopicPartition("sales", 1)]
NOBODY = -1


@dataclass
class Starting:
    """A broker's client: for some questions partition 1 has no leader, and for some more the broker does not know that it is it."""

    no_leader: int = 0
    not_leader: int = 0
    asked: list[str] = field(default_factory=list)

    def get_random_node(self) -> int:
        return 1

    async def close(self) -> None:
        """Nothing is open."""

    async def send(self, _node: int, request: Any) -> Any:
        self.asked.append(type(request).__name__)
        if isinstance(request, MetadataRequest):
            return SimpleNamespace(to_object=self._metadata)
        if isinstance(request, FetchRequest):
            return SimpleNamespace(topics=[("sales", [(0, OffsetOutOfRangeError.errno, -1)])])
        self.not_leader -= 1
        error = NotLeaderForPartitionError if self.not_leader >= 0 else NoError
        return SimpleNamespace(topics=[("sales", [(0, 0, 0, 7), (1, error.errno, 0, 7)])])

    def _metadata(self) -> dict[str, Any]:
        self.no_leader -= 1
        leaders = [1, NOBODY if self.no_leader >= 0 else 1]
        parts = [{"partition": number, "leader": leader} for number, leader in enumerate(leaders)]
        return {"topics": [{"topic": "sales", "error_code": 0, "partitions": parts}]}


class ClusterOf(Cluster):
    """One whose client is the test's."""

    def __init__(self, client: Starting, **settings: float) -> None:
        super().__init__(StreamSettings(bootstrap="nowhere:1", **settings))
        self._starting = client

    async def _connect(self) -> Any:
        return self._starting


async def test_a_partition_whose_leader_is_being_found_exists() -> None:
    assert await ClusterOf(Starting(no_leader=1)).partitions(["sales"]) == SALES


@pytest.mark.parametrize("starting", [Starting(no_leader=2), Starting(not_leader=2)], ids=["nobody", "not yet"])
async def test_the_logs_of_a_broker_that_is_finding_its_leaders_are_waited_for(starting: Starting) -> None:
    assert await ClusterOf(starting).log_ranges(SALES) == dict.fromkeys(SALES, LogRange(7, 7))
    assert starting.asked.count("MetadataRequest") == 3, starting.asked


@pytest.mark.parametrize("starting", [Starting(no_leader=2), Starting(not_leader=2)], ids=["nobody", "not yet"])
async def test_ends_are_waited_for_in_the_same_way(starting: Starting) -> None:
    assert await ClusterOf(starting).end_offsets(["sales"]) == {("sales", 0): 7, ("sales", 1): 7}


async def test_who_wants_the_ends_does_not_ask_for_the_starts() -> None:
    """The embedded broker goes through a whole log to say where it begins, and ends are asked for all the time."""
    starting = Starting()
    cluster = ClusterOf(starting)
    for _ in range(3):
        await cluster.end_offsets(["sales"])
    assert starting.asked.count("MetadataRequest") == starting.asked.count("OffsetRequest") == 3
    assert (await ClusterOf(asked_nothing := Starting()).end_offsets([]), asked_nothing.asked) == ({}, [])


@pytest.mark.parametrize("starting", [Starting(no_leader=999), Starting(not_leader=999)], ids=["nobody", "not yet"])
async def test_leaders_that_are_never_found_are_given_up_at_the_deadline(starting: Starting) -> None:
    with pytest.raises(BrokerUnavailable):
        await ClusterOf(starting, call_deadline_seconds=0.3).log_ranges(SALES)


async def test_a_partition_that_does_not_exist_is_said_at_once() -> None:
    starting = Starting()
    with pytest.raises(BrokerUnavailable, match="do not exist"):
        await ClusterOf(starting).log_ranges([*SALES, TopicPartition("sales", 9)])
    assert len(starting.asked) == 1
