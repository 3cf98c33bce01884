"""When a consumer is stuck, and when it only looks so."""

from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.watchdog import Progress

PARTITION = TopicPartition("topic", 0)


def looked(*samples: tuple[float, int, int], step_cap_seconds: float = 10) -> Progress:
    progress = Progress(limit_seconds=60, step_cap_seconds=step_cap_seconds)
    for now, next_offset, end in samples:
        progress.look({PARTITION: (next_offset, end)}, now)
    return progress


def test_lag_that_stands_still_for_the_limit_is_a_stall() -> None:
    assert looked(*((10.0 * step, 5, 9) for step in range(7))).stalled == [PARTITION]


def test_standing_still_without_lag_is_no_stall() -> None:
    assert looked(*((10.0 * step, 9, 9) for step in range(20))).stalled == []


def test_any_progress_begins_the_count_anew() -> None:
    samples = [(10.0 * step, 5, 9) for step in range(6)] + [(60.0 + 10.0 * step, 6, 9) for step in range(6)]
    assert looked(*samples).stalled == []


def test_a_process_that_slept_for_an_hour_has_not_seen_an_hour_of_standstill() -> None:
    assert looked((0.0, 5, 9), (10.0, 5, 9), (3_600.0, 5, 9)).stalled == []


def test_a_dependency_that_was_away_excuses_what_came_before() -> None:
    progress = looked(*((10.0 * step, 5, 9) for step in range(6)))
    progress.excuse(55.0)
    progress.look({PARTITION: (5, 9)}, 60.0)
    assert progress.stalled == []


def test_a_partition_that_is_no_longer_in_question_is_forgotten() -> None:
    progress = looked(*((10.0 * step, 5, 9) for step in range(7)))
    progress.look({}, 70.0)
    assert progress.stalled == []


def test_a_batch_that_commits_part_after_part_is_no_stall_and_one_that_stops_is() -> None:
    progress = Progress(limit_seconds=60, step_cap_seconds=10)
    for step in range(20):
        progress.look({PARTITION: (5, 9)}, 10.0 * step, {PARTITION: step // 5})
    assert progress.stalled == []
    for step in range(20, 26):
        progress.look({PARTITION: (5, 9)}, 10.0 * step, {PARTITION: 3})
    assert progress.stalled == [PARTITION]
