"""What tests of deadlines judge by: it runs while the process does, and stands still with it."""

import time

from tests.support.stopwatch import Stopwatch, stopwatch


def test_what_passes_while_the_process_runs_counts() -> None:
    began = time.monotonic()
    with stopwatch() as watch:
        while watch.seconds < 0.2:
            time.sleep(0.001)
    assert 0.2 <= watch.seconds <= time.monotonic() - began


def test_a_time_in_which_nothing_ran_counts_for_a_beat() -> None:
    watch = Stopwatch()
    time.sleep(0.3)  # nobody looked: as when the machine stood still
    assert 0 < watch.seconds < 0.1
