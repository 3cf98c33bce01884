"""What a deployment sets reaches the parts that are made of it."""

from pydantic import SecretStr

from libs.common.service import ServiceSettings


def test_a_worker_tells_of_its_life_three_times_within_a_session() -> None:
    settings = ServiceSettings(
        database_url=SecretStr("postgresql+asyncpg://x"), kafka_bootstrap="k:1", kafka_session_seconds=3.0
    )
    stream = settings.stream("worker")
    assert stream.session_timeout_seconds == 3.0
    assert 3 * stream.heartbeat_seconds < stream.session_timeout_seconds
    assert stream.rebalance_timeout_seconds > stream.session_timeout_seconds
